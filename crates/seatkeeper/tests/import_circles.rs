//! Finds import circles: no file of a crate may import, directly or through others, a file that imports it. An import
//! of a re-exported item counts as an import of the file that defines the item. Paths in macro arguments and through
//! `pub use x::*` are not detected.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where it stopped")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Item, ItemMod, ItemUse, UseTree,
    visit::{self, Visit},
};

/// The path of a module in its crate, such as `["live", "room"]`. The path of the crate's root is empty.
type Module = Vec<String>;

/// One `use`, or one path in code, as written. It is relative to the module in which it is.
struct Import {
    module: Module,
    path: Vec<String>,
    /// The name that a `use` gives to the item; `None` for a path in code.
    name: Option<String>,
    is_re_export: bool,
}

/// The imports of one file.
struct Imports {
    module: Module,
    found: Vec<Import>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'a> Visit<'a> for Imports {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes = match item {
            Item::Mod(module) => &module.attrs,
            Item::Use(import) => &import.attrs,
            Item::Impl(block) => &block.attrs,
            Item::Fn(function) => &function.attrs,
            _ => &Vec::new(),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        if module.content.is_some() {
            self.module.push(module.ident.to_string());
            visit::visit_item_mod(self, module);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, import: &'a ItemUse) {
        let is_re_export = !matches!(import.vis, syn::Visibility::Inherited);
        let mut trees = vec![(Vec::new(), &import.tree)];
        while let Some((mut path, tree)) = trees.pop() {
            let name = match tree {
                UseTree::Path(step) => {
                    path.push(step.ident.to_string());
                    trees.push((path, &step.tree));
                    continue;
                }
                UseTree::Group(group) => {
                    trees.extend(group.items.iter().map(|tree| (path.clone(), tree)));
                    continue;
                }
                UseTree::Glob(_) => "*".to_owned(),
                UseTree::Rename(renamed) => {
                    path.push(renamed.ident.to_string());
                    renamed.rename.to_string()
                }
                UseTree::Name(named) if named.ident == "self" => path.last().cloned().unwrap_or_default(),
                UseTree::Name(named) => {
                    path.push(named.ident.to_string());
                    named.ident.to_string()
                }
            };
            self.found.push(Import { module: self.module.clone(), path, name: Some(name), is_re_export });
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let steps = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.found.push(Import { module: self.module.clone(), path: steps, name: None, is_re_export: false });
        visit::visit_path(self, path);
    }

    /// A visibility such as `pub(in crate::…)` contains a path and imports nothing.
    fn visit_visibility(&mut self, _: &'a syn::Visibility) {}
}

/// The files of one crate, and their imports.
struct Files {
    imports: BTreeMap<Module, Vec<Import>>,
    /// Where the items that a module re-exports are defined, by module and name.
    re_exports: BTreeMap<(Module, String), Vec<String>>,
}

impl Files {
    fn read(src: &Path) -> Self {
        let mut files = Self { imports: BTreeMap::new(), re_exports: BTreeMap::new() };
        let mut folders = vec![src.to_owned()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let is_test = path.file_stem().is_some_and(|name| name == "tests");
                if path.is_dir() && !is_test {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") && !is_test {
                    let mut imports = Imports { module: module_of(src, &path), found: Vec::new() };
                    imports.visit_file(&syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap());
                    files.imports.insert(imports.module, imports.found);
                }
            }
        }
        let mut re_exports = BTreeMap::new();
        for import in files.imports.values().flatten().filter(|import| import.is_re_export) {
            if let (Some(target), Some(name)) = (files.absolute(import), import.name.clone()) {
                re_exports.insert((import.module.clone(), name), target);
            }
        }
        files.re_exports = re_exports;
        files
    }

    /// The path of an import from the crate's root; `None` when it leads to another crate.
    fn absolute(&self, import: &Import) -> Option<Vec<String>> {
        let mut base = import.module.clone();
        let mut path = import.path.as_slice();
        match path.first()?.as_str() {
            "crate" => {
                base.clear();
                path = &path[1..];
            }
            "self" => path = &path[1..],
            "super" => {
                while path.first().is_some_and(|step| step == "super") {
                    base.pop()?;
                    path = &path[1..];
                }
            }
            first => {
                let child = [base.as_slice(), &[first.to_owned()]].concat();
                if !self.imports.contains_key(&child) {
                    return None;
                }
            }
        }
        base.extend_from_slice(path);
        Some(base)
    }

    /// The file that defines what this path names, after following re-exports.
    fn defining(&self, path: &[String]) -> Option<Module> {
        let mut path = path.to_vec();
        // Re-exports of re-exports are followed eight times at most; a longer chain is a circle.
        for _ in 0..8 {
            let known = (0..=path.len()).rev().find(|&length| self.imports.contains_key(&path[..length]))?;
            let Some(name) = path.get(known) else { return Some(path) };
            match self.re_exports.get(&(path[..known].to_vec(), name.clone())) {
                Some(target) => path = [target.as_slice(), &path[known + 1..]].concat(),
                None => return Some(path[..known].to_vec()),
            }
        }
        None
    }

    /// The files that `file` imports.
    fn imported_by(&self, file: &Module) -> BTreeSet<Module> {
        let imports = &self.imports[file];
        let local: BTreeMap<&str, Vec<String>> =
            imports.iter().filter_map(|import| Some((import.name.as_deref()?, self.absolute(import)?))).collect();
        let target = |import: &Import| {
            // A path in code may begin with a name that a `use` has imported.
            let by_name = local.get(import.path[0].as_str()).filter(|_| import.name.is_none());
            let by_name = by_name.map(|target| [target.as_slice(), &import.path[1..]].concat());
            // A single name that was not imported is a variable, or an item of the same file.
            by_name.or_else(|| self.absolute(import).filter(|_| import.name.is_some() || import.path.len() > 1))
        };
        let used = imports.iter().filter(|import| !import.is_re_export);
        used.filter_map(|import| self.defining(&target(import)?)).filter(|target| target != file).collect()
    }

    /// The files that reach themselves through imports, each with the imports that cause it.
    fn circles(&self) -> Vec<String> {
        let arrows: BTreeMap<&Module, BTreeSet<Module>> =
            self.imports.keys().map(|file| (file, self.imported_by(file))).collect();
        let reaches = |from: &Module, to: &Module| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(file) = next.pop() {
                if file == to {
                    return true;
                }
                if seen.insert(file) {
                    next.extend(&arrows[file]);
                }
            }
            false
        };
        let shown = |file: &Module| if file.is_empty() { "the root".to_owned() } else { file.join("::") };
        let in_circle = |from: &&Module, to: &&Module| reaches(to, from);
        let all = arrows.iter().flat_map(|(from, to)| to.iter().map(move |to| (*from, to)));
        all.filter(|(from, to)| in_circle(from, to))
            .map(|(from, to)| format!("{} → {}", shown(from), shown(to)))
            .collect()
    }
}

fn module_of(src: &Path, file: &Path) -> Module {
    let path = file.strip_prefix(src).unwrap().with_extension("");
    let mut module: Module = path.iter().map(|step| step.to_string_lossy().into_owned()).collect();
    // A binary beside a library is a crate of its own, which no file imports.
    let is_root = |last: &String| match last.as_str() {
        "mod" | "lib" => true,
        "main" => !src.join("lib.rs").exists(),
        _ => false,
    };
    if module.last().is_some_and(is_root) {
        module.pop();
    }
    module
}

#[test]
fn no_crate_has_an_import_circle() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources: Vec<PathBuf> = fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path().join("src")).collect();
    assert!(sources.len() > 5, "the crates were not found");
    let circles: Vec<String> = sources
        .iter()
        .flat_map(|src| {
            let name = src.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
            Files::read(src).circles().into_iter().map(move |circle| format!("{name}: {circle}"))
        })
        .collect();
    assert!(circles.is_empty(), "imports in a circle:\n  {}", circles.join("\n  "));
}

#[test]
fn circle_through_a_re_export_and_a_path_in_code_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; mod d; pub use b::B; pub struct Root(d::D);");
    write("a.rs", "use crate::B; #[cfg(test)] mod tests { use crate::c::C; }");
    write("b.rs", "pub struct B; fn f() { super::c::C::new(); }");
    write("d.rs", "pub struct D;");
    write("c.rs", "use super::a as other; pub struct C; fn g() { other::h(); }");
    assert_eq!(Files::read(folder.path()).circles(), ["a → b", "b → c", "c → a"]);
    write("c.rs", "pub struct C; #[cfg(test)] mod tests { use super::super::a; }");
    assert_eq!(Files::read(folder.path()).circles(), Vec::<String>::new());
    write("lib.rs", "mod a; mod b; mod c; mod d; pub use b::B; pub use d::D; pub struct Root(D);");
    write("d.rs", "use crate::Root; pub struct D;");
    assert_eq!(Files::read(folder.path()).circles(), ["the root → d", "d → the root"]);
}
