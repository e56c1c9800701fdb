"""Opens a page of the dashboard without a browser."""

from streamlit.testing.v1 import AppTest

from core.settings import PROJECT_DIR


def run(page: str, **address: str) -> AppTest:
    """The page after its script has run, at an address with these parameters; no exception may have been shown."""
    app = AppTest.from_file(str(PROJECT_DIR / "app.py"), default_timeout=60)
    app.switch_page(f"pages/{page}.py")
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app
