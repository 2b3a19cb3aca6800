//! The server's side of the protocol.

use crate::Shared;
use crate::protocol::event_store::client::gossip::gossip_server::{Gossip, GossipServer};
use crate::protocol::event_store::client::gossip::member_info::VNodeState;
use crate::protocol::event_store::client::gossip::{ClusterInfo, EndPoint, MemberInfo};
use crate::protocol::event_store::client::server_features::SupportedMethods;
use crate::protocol::event_store::client::server_features::server_features_server::{
    ServerFeatures, ServerFeaturesServer,
};
use crate::protocol::event_store::client::streams::streams_server::{Streams, StreamsServer};
use crate::protocol::event_store::client::streams::{
    AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq, ReadResp, TombstoneReq,
    TombstoneResp, append_req, append_resp, read_req, read_resp,
};
use crate::protocol::event_store::client::{Empty, StreamIdentifier, Uuid as WireUuid, uuid as wire_uuid};
use crate::records::{Appended, Proposed, Record};
use append_req::options::ExpectedStreamRevision;
use append_resp::success::{CurrentRevisionOption, PositionOption};
use append_resp::wrong_expected_version as wrong;
use futures_util::stream::{self, BoxStream, StreamExt};
use read_req::options as asked;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

/// `MaxAppendSize`, as it comes.
const APPEND_BYTES_MAX: usize = 1 << 20;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;

/// A node.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) shared: Arc<Shared>,
    pub(crate) node: usize,
}

/// Serves on an address until its runtime ends, and says when it listens.
pub(crate) async fn serve(service: Service, address: SocketAddr, bound: std::sync::mpsc::Sender<()>) {
    let listener = loop {
        // The one before it may not have let go of the port yet.
        match listen(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => tokio::task::yield_now().await,
            listening => break listening.unwrap(),
        }
    };
    bound.send(()).unwrap();
    let incoming = stream::unfold(listener, |listener| async move {
        let accepted: std::io::Result<TcpStream> = listener.accept().await.map(|(stream, _)| stream);
        // Small answers go at once, as those of the real one do.
        accepted.iter().for_each(|it| it.set_nodelay(true).unwrap());
        Some((accepted, listener))
    });
    let server = tonic::transport::Server::builder()
        .add_service(StreamsServer::new(service.clone()))
        .add_service(ServerFeaturesServer::new(service.clone()))
        .add_service(GossipServer::new(service));
    server.serve_with_incoming(Box::pin(incoming)).await.unwrap();
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Service {
    /// Sends whoever needs the leader to it.
    fn lead(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let leader = self.shared.leader.load(Ordering::SeqCst);
        if leader == self.node || metadata.get("requires-leader").is_none_or(|it| it != "true") {
            return Ok(());
        }
        let mut status = Status::not_found("Leader info available");
        let it = status.metadata_mut();
        it.insert("exception", "not-leader".parse().unwrap());
        it.insert("leader-endpoint-host", "127.0.0.1".parse().unwrap());
        it.insert("leader-endpoint-port", self.shared.ports[leader].to_string().parse().unwrap());
        Err(status)
    }

    fn read_now(&self, options: read_req::Options) -> Result<Vec<ReadResp>, Status> {
        let Some(asked::CountOption::Count(count)) = options.count_option else {
            // A subscription is confirmed, and ends well at once, which no client expects.
            let id = read_resp::SubscriptionConfirmation { subscription_id: Uuid::nil().to_string() };
            return Ok(vec![response(read_resp::Content::Confirmation(id))]);
        };
        let troubles = &self.shared.troubles;
        let mut count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > 2 && troubles.strikes(&troubles.ended_early) {
            count = 2;
        }
        let records = self.shared.records();
        let found: Vec<&Record> = match options.stream_option.ok_or_else(|| Status::invalid_argument("no stream"))? {
            asked::StreamOption::All(all) => {
                let (commit, prepare) = match all.all_option {
                    Some(asked::all_options::AllOption::Position(it)) => (it.commit_position, it.prepare_position),
                    Some(asked::all_options::AllOption::Start(_)) | None => (0, 0),
                    Some(asked::all_options::AllOption::End(_)) => return Err(Status::unimplemented("backwards")),
                };
                records.from(commit, prepare).take(count).collect()
            }
            asked::StreamOption::Stream(it) => {
                let name = stream_name(it.stream_identifier)?;
                let from = match it.revision_option {
                    Some(asked::stream_options::RevisionOption::Revision(revision)) => revision,
                    Some(asked::stream_options::RevisionOption::Start(_)) | None => 0,
                    Some(asked::stream_options::RevisionOption::End(_)) => {
                        return Err(Status::unimplemented("backwards"));
                    }
                };
                let Some(found) = records.of_stream(&name, from) else {
                    let stream_identifier = Some(StreamIdentifier { stream_name: name.into_bytes().into() });
                    let missing = read_resp::StreamNotFound { stream_identifier };
                    return Ok(vec![response(read_resp::Content::StreamNotFound(missing))]);
                };
                found.take(count).collect()
            }
        };
        let mut said = Vec::with_capacity(found.len());
        for record in found {
            said.push(event(record));
            if said.len() < count && troubles.strikes(&troubles.said_twice) {
                said.push(event(record));
            }
        }
        said.truncate(count);
        Ok(said)
    }

    async fn append_now(&self, mut sent: Streaming<AppendReq>) -> Result<AppendResp, Status> {
        let Some(append_req::Content::Options(options)) = sent.message().await?.and_then(|it| it.content) else {
            return Err(Status::invalid_argument("an append begins with its options"));
        };
        let mut proposed = Vec::new();
        while let Some(message) = sent.message().await? {
            let Some(append_req::Content::ProposedMessage(it)) = message.content else {
                return Err(Status::invalid_argument("options twice"));
            };
            let id = it.id.and_then(|it| it.value).and_then(read_id);
            let id = id.ok_or_else(|| Status::invalid_argument("an event without an id"))?;
            let (metadata, custom_metadata, data) = (it.metadata, it.custom_metadata, it.data);
            proposed.push(Proposed { id, metadata, custom_metadata, data });
        }
        let type_bytes = |it: &Proposed| 2 * it.metadata.get("type").map_or(0, String::len);
        let size = |it: &Proposed| it.data.len() + it.custom_metadata.len() + type_bytes(it);
        if proposed.iter().map(size).sum::<usize>() > APPEND_BYTES_MAX {
            return Err(Status::invalid_argument(format!("Maximum Append Size of {APPEND_BYTES_MAX} Exceeded.")));
        }
        let expected = match options.expected_stream_revision {
            Some(ExpectedStreamRevision::Revision(revision)) => Some(revision),
            Some(ExpectedStreamRevision::NoStream(_)) => None,
            Some(ExpectedStreamRevision::Any(_) | ExpectedStreamRevision::StreamExists(_)) | None => {
                return Err(Status::failed_precondition("this server insists on an exact revision"));
            }
        };
        let name = stream_name(options.stream_identifier)?;
        let troubles = &self.shared.troubles;
        if troubles.strikes(&troubles.refused) {
            return Err(Status::unavailable("Server Is Not Ready"));
        }
        let appended = self.shared.records().append(&name, expected, proposed);
        if troubles.strikes(&troubles.committed_without_answer) {
            return Err(Status::deadline_exceeded("Operation timed out"));
        }
        Ok(answer(appended, expected))
    }
}

#[tonic::async_trait]
impl Streams for Service {
    type ReadStream = BoxStream<'static, Result<ReadResp, Status>>;
    type BatchAppendStream = BoxStream<'static, Result<BatchAppendResp, Status>>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Self::ReadStream>, Status> {
        self.lead(request.metadata())?;
        if self.shared.troubles.hangs.load(Ordering::Relaxed) {
            self.shared.troubles.hanging.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        let options = request.into_inner().options.ok_or_else(|| Status::invalid_argument("no options"))?;
        let found = self.read_now(options)?;
        Ok(Response::new(stream::iter(found.into_iter().map(Ok)).boxed()))
    }

    async fn append(&self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        self.lead(request.metadata())?;
        Ok(Response::new(self.append_now(request.into_inner()).await?))
    }

    async fn delete(&self, _: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        Err(Status::permission_denied("history is never deleted"))
    }

    async fn tombstone(&self, _: Request<TombstoneReq>) -> Result<Response<TombstoneResp>, Status> {
        Err(Status::permission_denied("history is never deleted"))
    }

    async fn batch_append(
        &self,
        _: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        Err(Status::unimplemented("one append at a time"))
    }
}

#[tonic::async_trait]
impl ServerFeatures for Service {
    async fn get_supported_methods(&self, _: Request<Empty>) -> Result<Response<SupportedMethods>, Status> {
        Ok(Response::new(SupportedMethods { methods: Vec::new(), event_store_server_version: "24.6.0".to_owned() }))
    }
}

#[tonic::async_trait]
impl Gossip for Service {
    async fn read(&self, _: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        let leader = self.shared.leader.load(Ordering::SeqCst);
        let members = self.shared.ports.iter().enumerate().map(|(node, port)| MemberInfo {
            instance_id: Some(write_id(Uuid::from_u128(node as u128))),
            time_stamp: 0,
            state: if node == leader { VNodeState::Leader.into() } else { VNodeState::Follower.into() },
            is_alive: true,
            http_end_point: Some(EndPoint { address: "127.0.0.1".to_owned(), port: u32::from(*port) }),
        });
        Ok(Response::new(ClusterInfo { members: members.collect() }))
    }
}

fn answer(appended: Appended, expected: Option<u64>) -> AppendResp {
    let result = match appended {
        Appended::At { revision, commit, prepare } => append_resp::Result::Success(append_resp::Success {
            current_revision_option: Some(CurrentRevisionOption::CurrentRevision(revision)),
            position_option: Some(PositionOption::Position(append_resp::Position {
                commit_position: commit,
                prepare_position: prepare,
            })),
        }),
        Appended::WrongRevision(current) => {
            append_resp::Result::WrongExpectedVersion(append_resp::WrongExpectedVersion {
                current_revision_option: Some(match current {
                    Some(revision) => wrong::CurrentRevisionOption::CurrentRevision(revision),
                    None => wrong::CurrentRevisionOption::CurrentNoStream(Empty {}),
                }),
                expected_revision_option: Some(match expected {
                    Some(revision) => wrong::ExpectedRevisionOption::ExpectedRevision(revision),
                    None => wrong::ExpectedRevisionOption::ExpectedNoStream(Empty {}),
                }),
                ..append_resp::WrongExpectedVersion::default()
            })
        }
    };
    AppendResp { result: Some(result) }
}

fn event(record: &Record) -> ReadResp {
    let recorded = read_resp::read_event::RecordedEvent {
        id: Some(write_id(record.id)),
        stream_identifier: Some(StreamIdentifier { stream_name: record.stream.clone().into_bytes().into() }),
        stream_revision: record.revision,
        prepare_position: record.prepare,
        commit_position: record.commit,
        metadata: record.metadata.clone(),
        custom_metadata: record.custom_metadata.clone(),
        data: record.data.clone(),
    };
    let position = Some(read_resp::read_event::Position::CommitPosition(record.commit));
    response(read_resp::Content::Event(read_resp::ReadEvent { event: Some(recorded), link: None, position }))
}

fn response(content: read_resp::Content) -> ReadResp {
    ReadResp { content: Some(content) }
}

fn stream_name(identifier: Option<StreamIdentifier>) -> Result<String, Status> {
    let name = identifier.map(|it| it.stream_name.to_vec()).unwrap_or_default();
    String::from_utf8(name).map_err(|_| Status::invalid_argument("the name of a stream is no text"))
}

fn read_id(value: wire_uuid::Value) -> Option<Uuid> {
    match value {
        wire_uuid::Value::Structured(it) => {
            Some(Uuid::from_u64_pair(it.most_significant_bits as u64, it.least_significant_bits as u64))
        }
        wire_uuid::Value::String(text) => text.parse().ok(),
    }
}

fn write_id(id: Uuid) -> WireUuid {
    WireUuid { value: Some(wire_uuid::Value::String(id.to_string())) }
}
