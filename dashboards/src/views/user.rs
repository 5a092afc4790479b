//! Staff accounts; a password hash never leaves the gateway.

use gengfu_model::staff::User;
use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;
use crate::views::name_of;

/// A staff account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserView {
    /// Login name.
    pub name: String,
    /// What the account may do.
    pub roles: Vec<String>,
    /// Districts that it is limited to; empty: all.
    pub districts: Vec<String>,
    /// The account may not log in.
    pub disabled: bool,
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MeView {
    /// Login name.
    pub name: String,
    /// What the account may do.
    pub roles: Vec<String>,
    /// Districts that it is limited to; empty: all.
    pub districts: Vec<String>,
    /// When the session ends.
    pub expires: Time,
}

/// A fresh session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LoginView {
    /// For `Authorization: Bearer TOKEN`.
    pub token: String,
    /// When the session ends.
    pub expires: Time,
}

impl From<User> for UserView {
    fn from(user: User) -> UserView {
        UserView {
            name: user.name.to_string(),
            roles: user.roles.iter().map(name_of).collect(),
            districts: user.districts.iter().map(ToString::to_string).collect(),
            disabled: user.disabled,
        }
    }
}
