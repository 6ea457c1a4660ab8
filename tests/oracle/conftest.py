"""Most oracle tests are programs that print what they compare and exit 1 on a difference; pytest
runs each of those as one test. A file with functions test_… is collected as usual."""
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Difference(Exception):
    pass


class ProgramFile(pytest.File):
    def collect(self):
        yield ProgramRun.from_parent(self, name=self.path.stem)


class ProgramRun(pytest.Item):
    def runtest(self):
        done = subprocess.run([sys.executable, str(self.path)], cwd=ROOT, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            raise Difference(f"exit status {done.returncode}\n{done.stdout}")

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, Difference):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, self.name


def pytest_pycollect_makemodule(module_path, parent):
    if not re.search(r"^\s*def test_", module_path.read_text(encoding="utf-8"), re.MULTILINE):
        return ProgramFile.from_parent(parent, path=module_path)
    return None
