//! The OpenAPI document, made from the route list and the shapes of the views.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::api::route::{Content, Route};
use crate::api::routes;
use crate::auth::Access;
use crate::auth::roles::READ_METRICS;
use crate::auth::session::{COOKIE, role_names};
use crate::error::ErrorBody;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| build(&routes()).to_string());

/// The document.
pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

/// The document of these routes.
pub(crate) fn build(routes: &[Route]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas = Map::new();
    add_schema(&mut schemas, &ErrorBody::name(), &ErrorBody::schema());
    let mut parts = Vec::new();
    ErrorBody::schemas(&mut parts);
    for route in routes {
        let operation = operation(route, &mut parts, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    for (name, schema) in &parts {
        add_schema(&mut schemas, name, schema);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "gengfu",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Staff API of the gateway. Times are RFC 3339; errors have one shape.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": COOKIE },
            },
        },
    })
}

type Parts = Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>;

fn operation(route: &Route, parts: &mut Parts, schemas: &mut Map<String, Value>) -> Value {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    for param in route.query {
        parameters.push(json!({
            "name": param.name, "in": "query", "description": param.doc, "example": param.example,
            "schema": { "type": "string" },
        }));
    }
    let error = content(&Content::AnyJson, parts, schemas, Some("#/components/schemas/ErrorBody"));
    let mut answer = json!({ "description": "done" });
    if let Some(body) = content(&route.answers, parts, schemas, None) {
        answer["content"] = body;
    }
    let mut operation = json!({
        "summary": route.summary,
        "description": access_text(route.access),
        "parameters": parameters,
        "responses": { "2XX": answer, "default": { "description": "an error", "content": error } },
    });
    if let Some(body) = content(&route.takes, parts, schemas, None) {
        operation["requestBody"] = json!({ "content": body });
    }
    if route.access != Access::Open {
        operation["security"] = json!([{ "bearer": [] }, { "cookie": [] }]);
    }
    operation
}

fn content(
    content: &Content,
    parts: &mut Parts,
    schemas: &mut Map<String, Value>,
    reference: Option<&str>,
) -> Option<Value> {
    let schema = match reference {
        Some(reference) => json!({ "$ref": reference }),
        None => json!({ "type": "string" }),
    };
    Some(match content {
        Content::Empty => return None,
        Content::AnyJson => json!({ "application/json": { "schema": schema } }),
        Content::Text => json!({ "text/plain": { "schema": schema } }),
        Content::Csv => json!({ "text/csv": { "schema": schema } }),
        Content::File => json!({ "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } }),
        Content::Events => json!({ "text/event-stream": { "schema": schema } }),
        Content::Json(shape) => {
            let name = (shape.name)();
            (shape.parts)(parts);
            add_schema(schemas, &name, &(shape.schema)());
            json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } })
        }
    })
}

fn add_schema(
    schemas: &mut Map<String, Value>,
    name: &str,
    schema: &utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>,
) {
    if let Ok(schema) = serde_json::to_value(schema) {
        schemas.insert(name.to_owned(), schema);
    }
}

fn access_text(access: Access) -> String {
    match access {
        Access::Open => "Open.".to_owned(),
        Access::Login => "Needs a login.".to_owned(),
        Access::Platform => "Needs the platform's own token, as a bearer.".to_owned(),
        Access::Roles(roles) => format!("Needs one of the roles {}.", role_names(roles)),
        Access::Metrics => {
            format!("Open to configured addresses, else needs one of the roles {}.", role_names(READ_METRICS))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_it_and_every_reference_has_its_schema() {
        let document = build(&routes());
        for route in routes() {
            let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
            assert_eq!(operation["summary"], route.summary, "{} {}", route.method, route.path);
        }
        let text = document.to_string();
        let mut references = 0;
        for piece in text.split("#/components/schemas/").skip(1) {
            let name = piece.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
            references += 1;
        }
        assert!(references > 30, "{references}");
    }
}
