"""Options of the whole suite."""


def pytest_addoption(parser):
    parser.addoption("--many", action="store_true", help="fuzz 5,000 cases and cut each format 200 times")
