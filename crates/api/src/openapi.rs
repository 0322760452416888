//! The OpenAPI document of all calls, generated from the code.

use utoipa::{
    OpenApi,
    openapi::{
        Components, Content, HeaderBuilder, ObjectBuilder, OpenApi as Document, Ref, RefOr, Required, Response, Schema,
        Type,
        extensions::ExtensionsBuilder,
        path::{Operation, Parameter, ParameterIn},
        schema::ArrayItems,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};

use crate::error::{ErrorCode, PROBLEM_JSON, ProblemShape};

/// Header of answers with status 429 and 503: seconds until a retry may succeed.
const RETRY_AFTER: &str = "Retry-After";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Seatkeeper",
        description = "Real-time cinema booking that never sells a seat twice. Every answer carries `X-Request-Id`, its name in \
            the server's log; refusals are `application/problem+json` with a stable `code`. A method that a path does not \
            have is 405, an unknown path 404.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    servers((url = "/", description = "This site")),
    components(schemas(ProblemShape)),
)]
struct Base;

/// Returns the OpenAPI document without calls: title, security scheme, common headers.
pub(crate) fn base() -> Document {
    let mut document = Base::openapi();
    let cookie = ApiKeyValue::with_description("seatkeeper_session", "The session of a signed-in person");
    let components = document.components.get_or_insert_with(Default::default);
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
    let retry_after = HeaderBuilder::new().schema(Some(seconds)).description(Some("Come back after so many seconds"));
    components.headers.insert(RETRY_AFTER.to_owned(), RefOr::T(retry_after.build()));
    document
}

/// Adds the descriptions that many calls share to the document: common refusals, error codes, names of list items.
pub(crate) fn complete(mut document: Document) -> Document {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (false, &mut item.get),
            (true, &mut item.post),
            (true, &mut item.put),
            (true, &mut item.patch),
            (true, &mut item.delete),
        ];
        for (changes, operation) in operations {
            if let Some(operation) = operation {
                add_common(path, changes, operation);
            }
        }
        // The body of a `DELETE` request is optional, because the parameters may be in the query instead.
        let body = item.delete.as_mut().and_then(|operation| operation.request_body.as_mut());
        if let Some(RefOr::T(body)) = body {
            body.required = Some(Required::False);
        }
    }
    if let Some(components) = &mut document.components {
        name_items(components);
        explain_codes(components);
    }
    document
}

/// Adds status and title of each error code to the schema of error codes.
fn explain_codes(components: &mut Components) {
    let Some(RefOr::T(Schema::Object(codes))) = components.schemas.get_mut("ErrorCode") else { return };
    let explained = ErrorCode::ALL
        .iter()
        .map(|code| serde_json::json!({ "code": code, "status": code.status().as_u16(), "title": code.title() }));
    let explained = serde_json::Value::Array(explained.collect());
    codes.extensions = Some(ExtensionsBuilder::new().add("x-codes", explained).build());
}

/// Refers to the schemas of list items by name instead of inlining them.
fn name_items(components: &mut Components) {
    for (name, schema) in &mut components.schemas {
        let Some(item) = name.strip_prefix("List_") else { continue };
        let RefOr::T(Schema::Object(list)) = schema else { continue };
        if let Some(RefOr::T(Schema::Array(items))) = list.properties.get_mut("items") {
            items.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(item).into()));
        }
    }
}

/// Adds the refusals that many calls share, and the schema of all refusals.
fn add_common(path: &str, changes: bool, operation: &mut Operation) {
    let is_admin = path.starts_with("/api/admin/");
    let mut add = |code: ErrorCode| add_code(operation, code);
    add(ErrorCode::Misdirected);
    add(ErrorCode::RateLimited);
    add(ErrorCode::Internal);
    add(ErrorCode::TryAgain);
    if operation.security.is_some() {
        add_code(operation, ErrorCode::SignInRequired);
        if changes {
            add_code(operation, ErrorCode::BadOrigin);
        }
        if is_admin {
            add_code(operation, ErrorCode::Forbidden);
        }
    }
    let is_asked = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => parameter.parameter_in != ParameterIn::Path,
        RefOr::Ref(_) => true,
    };
    let has_query = operation.parameters.iter().flatten().any(is_asked);
    if operation.request_body.is_some() {
        for code in [ErrorCode::BadRequest, ErrorCode::TooLarge, ErrorCode::UnsupportedMediaType] {
            add_code(operation, code);
        }
    }
    if operation.request_body.is_some() || has_query {
        add_code(operation, ErrorCode::Invalid);
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty() {
            response.description = if status == "201" { "Created" } else { "Success" }.to_owned();
        }
        if matches!(status.as_str(), "429" | "503") {
            response
                .headers
                .insert(RETRY_AFTER.to_owned(), RefOr::Ref(Ref::new(format!("#/components/headers/{RETRY_AFTER}"))));
        }
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            let shape = Content::new(Some(Ref::from_schema_name("Problem")));
            response.content.insert(PROBLEM_JSON.to_owned(), RefOr::T(shape));
        }
    }
}

/// Adds an error code to the description of the response with the code's status.
fn add_code(operation: &mut Operation, code: ErrorCode) {
    let name = format!("`{}`", code.as_str());
    let status = code.status().as_str().to_owned();
    let response = operation.responses.responses.entry(status).or_insert_with(|| RefOr::T(Response::new("")));
    let RefOr::T(response) = response else { return };
    if response.description.is_empty() {
        response.description = name;
    } else if !response.description.contains(&name) {
        response.description = format!("{name}, {}", response.description);
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// `UPDATE_OPENAPI=1 cargo test -p seatkeeper-api openapi` regenerates the file.
    fn text() -> String {
        crate::openapi_document().to_pretty_json().unwrap() + "\n"
    }

    #[test]
    fn committed_openapi_json_equals_the_generated_document() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
        if env::var_os("UPDATE_OPENAPI").is_some() {
            fs::write(&file, text()).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text(), "openapi.json is old; run with UPDATE_OPENAPI=1");
    }

    #[test]
    fn document_names_every_error_code() {
        let text = text();
        for code in ErrorCode::ALL {
            assert!(text.contains(&format!("\"{}\"", code.as_str())), "{code:?}");
        }
    }
}
