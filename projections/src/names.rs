//! Closed lists of names, as answers and searches show them.

/// An enum whose variants have names: in JSON, in the database, in searches. (A `literal` would hide the names from
/// utoipa, which then shows the variants' own.)
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every name.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl crate::bulk::Value for $name {
            const KIND: crate::bulk::Kind = <str as crate::bulk::Value>::KIND;

            fn put(&self, out: &mut Vec<u8>) {
                self.name().put(out);
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(name: String) -> Result<Self, String> {
                match name.as_str() {
                    $($text => Ok(Self::$variant),)+
                    _unknown => Err(format!("{name:?} is none of {}", Self::NAMES.join(", "))),
                }
            }
        }
    };
}

pub(crate) use names;
