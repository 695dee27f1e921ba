// One synapse with its neuron and its astrocyte: what one_synapse.py computes, token by token, for the page.
function ({ memory, gain, threshold, first_cue, second_cue, question, asked_for }) {
  const tokens = 128, cue = 4, asking = 12, background = 0.2, beta = 0.5;
  const gamma = 1 - 1 / memory;
  const during = (start, duration, t) => (t >= start && t < start + duration ? 1 : 0);
  const traces = {
    current: [], membrane: [], seen_threshold: [], spikes: [], first_kept: [], second_kept: [], question: [],
  };
  let m = 0, one = 0, two = 0; // the membrane after the reset, and the two entries of H
  for (let t = 0; t < tokens; t++) {
    const current = background + during(first_cue, cue, t) + during(second_cue, cue, t);
    one = gamma * one + during(first_cue, cue, t);
    two = gamma * two + during(second_cue, cue, t);
    const asks = during(question, asking, t);
    const o = gain * asks * (asked_for === "first" ? one : two);
    const u = beta * m + current;
    const s = u + o - threshold >= 0 ? 1 : 0;
    m = u * (1 - s);
    traces.current.push(current);
    traces.membrane.push(u);
    traces.seen_threshold.push(threshold - o);
    traces.spikes.push(s);
    traces.first_kept.push(one);
    traces.second_kept.push(two);
    traces.question.push(asks);
  }
  return traces;
}
