//! Bodies compressed for those who ask for it. Whoever does not is spared everything that compressing takes.

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::ACCEPT_ENCODING;
use actix_web::middleware::Compress;
use futures_util::future::{Either, LocalBoxFuture};
use std::rc::Rc;

type Answer = Result<ServiceResponse, actix_web::Error>;
type Compressing<S> = <Compress as Transform<Rc<S>, ServiceRequest>>::Transform;

/// The middleware.
pub(super) struct Squeezed;

/// The service within, as it is and as it compresses.
pub(super) struct Both<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = actix_web::Error>,
{
    plain: Rc<S>,
    compressing: Compressing<S>,
}

impl<S> Transform<S, ServiceRequest> for Squeezed
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = actix_web::Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Transform = Both<S>;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Both<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let plain = Rc::new(service);
        let compressing = Compress::default().new_transform(Rc::clone(&plain));
        Box::pin(async move { Ok(Both { plain, compressing: compressing.await? }) })
    }
}

impl<S> Service<ServiceRequest> for Both<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = actix_web::Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Future = Either<S::Future, LocalBoxFuture<'static, Answer>>;

    forward_ready!(plain);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if !request.headers().contains_key(ACCEPT_ENCODING) {
            return Either::Left(self.plain.call(request));
        }
        let answer = self.compressing.call(request);
        Either::Right(Box::pin(async move { Ok(answer.await?.map_into_boxed_body()) }))
    }
}
