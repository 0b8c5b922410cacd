//! Certificates of every kind, and servers that have them.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::rude::{Rude, read_request};

/// What a server shows of itself.
pub(crate) type Identity = Arc<ServerConfig>;

/// Signs certificates; whoever trusts it trusts those.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// What is to be trusted, as `SSL_CERT_FILE` wants it.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this host.
    pub(crate) fn vouches_for(&self, host: &str) -> Identity {
        self.vouches(host, |_| ())
    }

    /// The same with something else about it.
    pub(crate) fn vouches(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        identity(params.signed_by(&key, &self.0).unwrap().der(), &key)
    }
}

/// A certificate that only its own server vouches for.
pub(crate) fn self_signed(host: &str) -> Identity {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    identity(cert.der(), &signing_key)
}

fn identity(certificate: &CertificateDer<'static>, key: &KeyPair) -> Identity {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap())
}

/// A server that shows this and says that.
pub(crate) fn server(identity: Identity, answer: &'static [u8]) -> Rude {
    Rude::serving(move |stream, hear| converse(stream, &identity, hear, answer))
}

fn converse(
    tcp: &mut TcpStream,
    identity: &Identity,
    hear: &dyn Fn(String),
    answer: &[u8],
) -> io::Result<()> {
    let connection = ServerConnection::new(Arc::clone(identity)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, tcp);
    hear(read_request(&mut stream)?);
    stream.write_all(answer)?;
    stream.conn.send_close_notify();
    stream.flush()
}
