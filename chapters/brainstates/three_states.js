({ stay, neurons, known }) => {
  const { rates: [low, high], spikes, states } = GIVEN, three = [0, 1, 2], away = (1 - stay) / 2;
  const scaled = (row) => { const sum = row[0] + row[1] + row[2]; return row.map((value) => value / sum); };
  const moved = (row) => three.map((s) => three.reduce((sum, r) => sum + row[r] * (r === s ? stay : away), 0));
  const said = spikes.map((row) => {
    const logs = three.map((s) => row.slice(0, neurons).reduce((sum, x, n) => {
      const rate = n % 3 === s ? high : low;
      return sum + x * Math.log(rate) - rate;
    }, 0));
    return logs.map((value) => Math.exp(value - Math.max(...logs)));
  });
  const p = [];
  said.forEach((e, t) => { p.push(scaled((t ? moved(p[t - 1]) : [1, 1, 1]).map((prior, s) => prior * e[s]))); });
  let after = [1, 1, 1];
  for (let t = p.length - 1; t >= 0 && known !== "the past"; t--) {
    p[t] = scaled(p[t].map((value, s) => value * after[s]));
    after = scaled(moved(after.map((value, s) => value * said[t][s])));
  }
  const wrong = p.map((row, t) => (row.indexOf(Math.max(...row)) === states[t] ? null : 1.05));
  return { A: p.map((row) => row[0]), B: p.map((row) => row[1]), C: p.map((row) => row[2]), wrong };
}
