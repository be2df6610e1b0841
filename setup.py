"""Everything that installation needs is read from settings.ini."""

import shutil
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
parser = ConfigParser(delimiters=["="])
parser.read(here / "settings.ini", encoding="utf-8")
cfg = parser["DEFAULT"]

# What a clone has beside the package: the programs, the plans and goals that they read, dives and weights.
SHIPPED = (
    "nbs/*.ipynb",
    "nbs/plans/*.toml",
    "nbs/docs/results/**/rows.csv*",
    "data/dives/**/*",
    "data/weights/*",
)


class WithShipped(build_py):
    """In a wheel they lie in trs_lab/shipped (`trs_lab.core.files.shipped`); an editable install has the clone."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        shipped = Path(self.build_lib) / "trs_lab" / "shipped"
        for file in (f for pattern in SHIPPED for f in here.glob(pattern) if f.is_file()):
            to = shipped / file.relative_to(here)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to)


setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    keywords=cfg["keywords"].split(),
    author=cfg["author"],
    author_email=cfg["author_email"],
    license="Apache-2.0",
    python_requires=f">={cfg['min_python']}",
    packages=find_packages(include=["trs_lab", "trs_lab.*"]),
    package_data={"trs_lab": ["py.typed"], "trs_lab.inspect": ["static/*"]},
    install_requires=cfg["requirements"].split(),
    extras_require={
        name: cfg[f"{name}_requirements"].split()
        for name in ("dask", "hf", "images", "torchvision", "tensorboard", "boost", "dev")
    },
    entry_points={
        "nbdev": [f"{cfg['lib_name']}={cfg['lib_name']}._modidx:d"],
        "console_scripts": ["trs_lab=trs_lab.runs.command:main"],
    },
    cmdclass={"build_py": WithShipped},
    zip_safe=False,
)
