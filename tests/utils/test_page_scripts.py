"""The JSON in a page's scripts, however the page writes them."""

import pytest

from core.utils.page_scripts import json_scripts


@pytest.mark.parametrize(
    "tag",
    [
        '<script type="application/json">',
        '<script type="application/json" data-content-len="12" data-sjs>',
        '<script nonce="x" data-sjs type="application/json">',
        "<script type='application/json'>",
        '<SCRIPT TYPE="application/json">',
    ],
)
def test_the_order_of_attributes_makes_no_difference(tag: str) -> None:
    assert [*json_scripts(f'<p>{tag}{{"a": 1}}</script ></p>')] == [{"a": 1}]


def test_what_is_no_json_is_passed_over() -> None:
    page = '<script>let a = {}</script><script type="application/json">{</script>'
    assert [*json_scripts(page + '<script type="application/json">[2]</script>')] == [[2]]
