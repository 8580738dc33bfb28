import jq
import jsonpath_rw

from madminer_workflow.engine import caching


def test_compiled_programs_are_remembered() -> None:
    assert caching.__doc__
    assert jq.jq(".a") is jq.jq(".a")
    assert jsonpath_rw.parse("a[*].b") is jsonpath_rw.parse("a[*].b")
    assert jq.jq(".a").transform({"a": 1}) == 1


def test_yadage_looks_them_up_in_their_modules() -> None:
    from packtivity import typedleafs
    from yadage import wflowview

    assert typedleafs.jq is jq
    assert wflowview.jsonpath_rw is jsonpath_rw


def test_packtivity_keeps_plain_data() -> None:
    from packtivity import datamodel
    from packtivity.datamodels.purejson import PureJsonModel

    value = {"a": 1}
    made = datamodel.create(value)
    assert isinstance(made, PureJsonModel)
    assert made.json() is value
