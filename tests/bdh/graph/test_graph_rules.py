import pytest

from brainlib.bdh.graph import Damping, Rule, interact, is_local


def test_rules_act_at_once_on_the_state_before():
    state = {("X", 0): 2.0, ("X", 1): 3.0}
    rules = [
        Rule((("X", 0), ("X", 1)), ("Y", 0), 0.5),
        Rule((("Y", 0),), ("Z", 0)),  # Y(0) is still 0 when this acts
        Rule((("X", 0),), ("X", 1), 10.0),
    ]
    after = interact(state, rules, [Damping(("X", 1), 0.25), Damping(("X", 0))])
    assert after == {("X", 0): 0.0, ("X", 1): 0.75 * 3 + 20, ("Y", 0): 3.0, ("Z", 0): 0.0}
    assert state == {("X", 0): 2.0, ("X", 1): 3.0}


def test_one_species_may_meet_itself():
    assert interact({("X", 0): 3.0}, [Rule((("X", 0), ("X", 0)), ("Y", 0))])["Y", 0] == 9


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Rule((("X", 0),), ("Y", 0), -1.0), "rules: got Rule.* a rate of at least 0"),
        (Rule((("X", 0),), ("Y", 0), float("nan")), "rules: got Rule"),
        (Rule((), ("Y", 0)), "expected one or two sources"),
        (Rule((("X", 0),) * 3, ("Y", 0)), "expected one or two sources"),
    ],
)
def test_rules_that_are_none(rule, message):
    with pytest.raises(ValueError, match=message):
        interact({}, [rule])


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_dampings_that_would_change_the_sign(rate):
    with pytest.raises(ValueError, match=r"dampings: got Damping.*expected a rate from 0 to 1"):
        interact({}, [], [Damping(("X", 0), rate)])


def test_locality():
    synapse = ("sigma", 5, 0, 1)  # of layer 5, from neuron 0 to neuron 1
    assert is_local(Rule((("Y+", 0), ("X", 0)), ("Y", 0)))
    assert not is_local(Rule((("X", 1),), ("Y", 0)))
    assert is_local(Rule((("X", 0), synapse), ("A", 1)), edge=(0, 1))
    assert not is_local(Rule((("X", 0), synapse), ("A", 2)), edge=(0, 1))
    assert not is_local(Rule((("X", 0), synapse), ("sigma", 5, 0, 2)), edge=(0, 1))  # as a turning U would need
