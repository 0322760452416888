#!/usr/bin/env python3
"""Prints the licence texts of the crates and npm packages that are inside the program.

Each text is printed once, below the packages that carry it. Fails when a package has no text and none can be derived. Needs
the sources of the crates, which a build fetches, and web/node_modules.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT_FILE = re.compile(r"(un)?licen[cs]es?|copying|copyright|notice|third.?party", re.IGNORECASE)
CODE_ENDINGS = {".rs", ".py", ".html", ".json", ".toml", ".yml", ".yaml", ".sh", ".js", ".ts", ".c", ".h"}
# Development tools whose code or CSS is part of the built page.
TOOLS_IN_PAGE = ["tailwindcss", "vite", "@vitejs/plugin-vue"]
RULE = "=" * 100
MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR
IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


@dataclass(frozen=True)
class Package:
    title: str
    licence: str
    repository: str
    authors: str
    folder: Path

    def texts(self):
        """All licence texts below the folder: a crate may contain the sources of a C library with its own licence."""
        found = []
        for path in sorted(self.folder.rglob("*")):
            is_text = TEXT_FILE.match(path.name) and path.suffix not in CODE_ENDINGS
            if is_text and path.is_file() and "node_modules" not in path.relative_to(self.folder).parts:
                found.append(path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip())
        return found


def output_of(*command, folder=ROOT):
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def crates():
    # The program is built for the host.
    target = re.search(r"^host: (\S+)$", output_of("rustc", "-vV"), re.MULTILINE)[1]
    flags = ["--locked", "--features", "seatkeeper/cluster"]
    metadata = json.loads(output_of("cargo", "metadata", "--format-version", "1", "--filter-platform", target, *flags))
    known = {(crate["name"], crate["version"]): crate for crate in metadata["packages"]}
    # Procedural macros and build scripts are not part of the program: they run during the build only.
    linked = ["-p", "seatkeeper", "--target", target, "-e", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]
    for name, version in {tuple(line.split()[:2]) for line in output_of("cargo", "tree", *linked, *flags).splitlines()}:
        crate = known[name, version.removeprefix("v")]
        # A crate of this workspace has no source.
        if crate["source"] is not None:
            folder = Path(crate["manifest_path"]).parent
            authors = ", ".join(crate["authors"])
            yield Package(f"{name} {crate['version']}", crate["license"] or "", crate["repository"] or "", authors, folder)


def npm_packages():
    web = ROOT / "web"
    folders = output_of("npm", "ls", "--omit=dev", "--all", "--parseable", folder=web).splitlines()[1:]
    folders += [str(web / "node_modules" / tool) for tool in TOOLS_IN_PAGE]
    for folder in map(Path, folders):
        manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        repository, author = manifest.get("repository") or "", manifest.get("author") or ""
        yield Package(
            f"{manifest['name']} {manifest['version']} (npm)",
            manifest.get("license", ""),
            repository if isinstance(repository, str) else repository["url"],
            author if isinstance(author, str) else author["name"],
            folder,
        )


def derived_texts(package, carriers):
    """The texts of a package that has none: of another one from its repository, or of its licence and authors."""
    for other, texts in carriers.items():
        if texts and package.repository and (other.repository, other.licence) == (package.repository, package.licence):
            return texts
    if "Apache-2.0" in re.split(r"[\s/()]+", package.licence):
        return [(ROOT / "LICENSE-APACHE").read_text(encoding="utf-8").strip()]
    if package.licence == "MIT" and package.authors:
        return [f"Copyright (c) {package.authors}\n\n{MIT}"]
    return []


def main():
    packages = sorted({*crates(), *npm_packages()}, key=lambda package: (package.title, str(package.folder)))
    carriers = {package: package.texts() for package in packages}
    titles_by_text, without = {}, []
    for package in packages:
        texts = carriers[package] or derived_texts(package, carriers)
        without += [] if texts else [f"{package.title}: {package.licence}, {package.folder}"]
        for text in texts:
            titles_by_text.setdefault(text, set()).add(f"{package.title}: {package.licence}")
    if without:
        sys.exit("no licence text:\n  " + "\n  ".join(without))
    print("Seatkeeper contains the following software, under these licences.")
    for text, titles in sorted(titles_by_text.items(), key=lambda one: (sorted(one[1]), one[0])):
        print(f"\n{RULE}\n" + "\n".join(sorted(titles)) + f"\n{RULE}\n\n{text}")


main()
