//! The messages of EventStoreDB's own protocol files, compiled; `regenerate/` writes them anew.

#![allow(
    clippy::all,
    clippy::cast_lossless,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a program has written it"
)]

pub mod event_store {
    pub mod client {
        include!("protocol/event_store.client.rs");

        pub mod streams {
            include!("protocol/event_store.client.streams.rs");
        }

        pub mod gossip {
            include!("protocol/event_store.client.gossip.rs");
        }

        pub mod server_features {
            include!("protocol/event_store.client.server_features.rs");
        }
    }
}

pub mod google {
    pub mod rpc {
        include!("protocol/google.rpc.rs");
    }
}
