from collections.abc import Callable

from madminer_workflow.steps.coverage import Study, table

Make = Callable[..., Study]


def test_the_table(known_study: Make) -> None:
    assert table(known_study(quadratic=1.0, exact=0.5)).splitlines() == [
        "Coverage in 100 toys at each point, 1000 /pb",
        "",
        "  1  c_u = 0, c_d = 0: 90 events",
        "  2  c_u = 0.5, c_d = -1.25: 110.5 events",
        "",
        "kinematics and rate:",
        "  point  method     68 %     95 %",
        "  1      quadratic  0.230 *  0.600 *",
        "  1      exact      0.460 *  1.000 *",
        "  2      quadratic  0.460 *  1.000 *",
        "  2      exact      0.920 *  1.000 *",
        "",
        "kinematics only:",
        "  point  method     68 %     95 %",
        "  1      quadratic  0.260 *  0.670 *",
        "  1      exact      0.510 *  1.000 *",
        "  2      quadratic  0.510 *  1.000 *",
        "  2      exact      1.000 *  1.000 *",
        "",
        "Errors are 0.047 and 0.022; * more than two of them from the level",
        "quadratic minus exact on the same toys: -0.490 to -0.230 (68 %), -0.400 to",
        "+0.000 (95 %)",
    ]


def test_the_construction_of_neyman(known_study: Make) -> None:
    lines = table(known_study(construct=True, quadratic=1.0, exact=0.5)).splitlines()
    titles, first = lines[6:8]
    assert titles == "  point  method     68 %     border q  coverage  95 %     border q  coverage"
    assert first == "  1      quadratic  0.230 *  6.73(46)  0.000     0.600 *  9.40(22)  0.000"
    assert max(map(len, lines)) <= 80


def test_several_sets_of_toys(known_study: Make) -> None:
    lines = table(known_study(quadratic=1.0, exact=1.0, alices=1.1, exact_2=1.0)).splitlines()
    assert lines[8].split()[:2] == ["1", "exact"]
    assert lines[10].split()[:2] == ["1", "exact_2"]
    assert "Each exact likelihood has the toys of the methods above it" in lines
    text = " ".join(lines)
    assert "quadratic minus exact on the same toys: +0.000 to +0.000 (68 %)" in text
    assert "alices minus exact on the same toys: -0.040 to -0.020 (68 %)" in text


def test_a_method_whose_truth_is_unknown(known_study: Make) -> None:
    lines = table(known_study(scandal=0.4)).splitlines()
    assert lines[-1].startswith("Errors are")
    assert lines[7].split() == ["1", "scandal", "0.570", "*", "1.000", "*"]
