//! A route as the visible list writes it: method, path, who may use it, handler, and what the OpenAPI
//! document says of it.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodRouter};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::auth::Access;
use crate::state::AppState;
use crate::views::PageView;

/// A query parameter, for the OpenAPI document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// A value that is taken; a test sends it.
    pub(crate) example: &'static str,
}

/// A JSON shape, for the OpenAPI document.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) name: fn() -> std::borrow::Cow<'static, str>,
    pub(crate) schema: fn() -> RefOr<Schema>,
    pub(crate) parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    fn of<T: ToSchema>() -> Shape {
        Shape { name: T::name, schema: <T as PartialSchema>::schema, parts: T::schemas }
    }

    fn page_of<T: ToSchema>() -> Shape {
        Shape { parts: page_parts::<T>, ..Shape::of::<PageView<T>>() }
    }
}

/// The parts of a page: the item's shape and its parts (the derived list leaves the item itself out).
fn page_parts<T: ToSchema>(parts: &mut Vec<(String, RefOr<Schema>)>) {
    parts.push((T::name().into_owned(), T::schema()));
    T::schemas(parts);
}

/// What a body is.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// No body.
    Empty,
    /// JSON of no described shape.
    AnyJson,
    /// JSON.
    Json(Shape),
    /// `text/plain`.
    Text,
    /// `text/csv`.
    Csv,
    /// `text/event-stream`.
    Events,
    /// The bytes of a file.
    File,
}

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) summary: &'static str,
    pub(crate) query: &'static [Param],
    pub(crate) takes: Content,
    pub(crate) answers: Content,
    /// It may take as long as `Options::import_timeout`.
    pub(crate) slow: bool,
    /// Its body is a file of a case: as large as `Options::attachment_bytes`, as slow as an import.
    pub(crate) upload: bool,
    pub(crate) handler: MethodRouter<AppState>,
}

macro_rules! method {
    ($name:ident, $method:ident) => {
        pub(crate) fn $name<H, T>(path: &'static str, access: Access, summary: &'static str, handler: H) -> Route
        where
            H: Handler<T, AppState>,
            T: 'static,
        {
            Route {
                method: Method::$method,
                path,
                access,
                summary,
                query: &[],
                takes: Content::Empty,
                answers: Content::AnyJson,
                slow: false,
                upload: false,
                handler: routing::$name(handler),
            }
        }
    };
}

method!(get, GET);
method!(post, POST);
method!(put, PUT);
method!(patch, PATCH);
method!(delete, DELETE);

impl Route {
    pub(crate) fn query(mut self, query: &'static [Param]) -> Route {
        self.query = query;
        self
    }

    pub(crate) fn takes<T: ToSchema>(mut self) -> Route {
        self.takes = Content::Json(Shape::of::<T>());
        self
    }

    pub(crate) fn takes_csv(mut self) -> Route {
        self.takes = Content::Csv;
        self
    }

    pub(crate) fn answers<T: ToSchema>(mut self) -> Route {
        self.answers = Content::Json(Shape::of::<T>());
        self
    }

    pub(crate) fn answers_page<T: ToSchema>(mut self) -> Route {
        self.answers = Content::Json(Shape::page_of::<T>());
        self
    }

    pub(crate) fn no_content(mut self) -> Route {
        self.answers = Content::Empty;
        self
    }

    pub(crate) fn text(mut self) -> Route {
        self.answers = Content::Text;
        self
    }

    pub(crate) fn csv(mut self) -> Route {
        self.answers = Content::Csv;
        self
    }

    pub(crate) fn takes_file(mut self) -> Route {
        self.takes = Content::File;
        self.upload = true;
        self
    }

    pub(crate) fn file(mut self) -> Route {
        self.answers = Content::File;
        self
    }

    pub(crate) fn event_stream(mut self) -> Route {
        self.answers = Content::Events;
        self
    }

    pub(crate) fn slow(mut self) -> Route {
        self.slow = true;
        self
    }
}
