//! Static files of the page. Each has an `ETag`, and its compressed forms are computed once and cached.

use std::{io::Write, sync::OnceLock};

use axum::{
    Extension,
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::{
    negotiation::{accepts, has_mark},
    unsent::SharedBytes,
};

/// Answers shorter than this are not compressed, because they fit into one packet anyway; in bytes.
pub(crate) const COMPRESSED_FROM_BYTES: usize = 1_024;
/// Brotli quality. The output is nearly as small as with the maximum of 11, in a tenth of the time; the first request
/// for a file waits for the compression.
const BROTLI_QUALITY: i32 = 9;
/// Length of the truncated SHA-256 in an `ETag`, in bytes.
const ETAG_HASH_BYTES: usize = 16;

/// How long a browser may cache a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caching {
    /// The browser may cache the file for a year, because the file's name changes with its content.
    ForAYear,
    /// The browser must revalidate the file each time; the answer for an unchanged file is a short 304.
    Revalidate,
}

/// A file with its compressed forms.
pub(crate) struct Asset {
    content_type: &'static str,
    caching: Caching,
    etag: HeaderValue,
    plain: Bytes,
    brotli: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
}

impl Asset {
    /// Creates a file with this content.
    pub(crate) fn new(content_type: &'static str, caching: Caching, plain: impl Into<Bytes>) -> Self {
        let plain = plain.into();
        let hash = URL_SAFE_NO_PAD.encode(&Sha256::digest(&plain)[..ETAG_HASH_BYTES]);
        // A weak `ETag`, because the plain file and its compressed forms have the same tag but different bytes.
        let etag = HeaderValue::try_from(format!("W/\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { content_type, caching, etag, plain, brotli: OnceLock::new(), gzip: OnceLock::new() }
    }

    /// Answers with the file in a coding that the client accepts, or with 304.
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, self.etag.clone());
        let caching = match self.caching {
            Caching::ForAYear => "public, max-age=31536000, immutable",
            Caching::Revalidate => "no-cache",
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        let is_compressed = is_text(self.content_type) && self.plain.len() >= COMPRESSED_FROM_BYTES;
        if is_compressed {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if has_mark(request, &self.etag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let body = if is_compressed && accepts(request, "br") {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
            self.brotli.get_or_init(|| to_brotli(&self.plain))
        } else if is_compressed && accepts(request, "gzip") {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            self.gzip.get_or_init(|| to_gzip(&self.plain))
        } else {
            &self.plain
        };
        (Extension(SharedBytes), headers, Body::from(body.clone())).into_response()
    }
}

/// Whether files of this content type are worth compressing: bitmaps and fonts are compressed already, SVG is text.
fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or(content_type);
    kind.starts_with("text/") || kind.ends_with("json") || kind.ends_with("+xml")
}

fn to_brotli(plain: &[u8]) -> Bytes {
    let settings = BrotliEncoderParams { quality: BROTLI_QUALITY, size_hint: plain.len(), ..Default::default() };
    let mut coded = Vec::new();
    // Reading from and writing into memory does not fail.
    let _ = brotli::BrotliCompress(&mut &*plain, &mut coded, &settings);
    coded.into()
}

fn to_gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into a `Vec` does not fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn asked(headers: &[(header::HeaderName, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn said<'a>(answer: &'a Response, name: &str) -> &'a str {
        answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    async fn body(answer: Response) -> Bytes {
        axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap()
    }

    #[tokio::test]
    async fn compressed_forms_of_a_file_are_cached_and_decode_to_the_file() {
        let text = "const seat = 'A1';\n".repeat(1_000);
        let asset = Asset::new("text/javascript; charset=utf-8", Caching::ForAYear, text.clone());
        for (takes, coding) in [("br, gzip", "br"), ("gzip, deflate", "gzip"), ("br;q=0, gzip;q=1", "gzip"), ("", "")] {
            let request = asked(&[(header::ACCEPT_ENCODING, takes)]);
            let (first, second) = (asset.answer(&request), asset.answer(&request));
            assert_eq!(said(&first, "content-encoding"), coding, "{takes}");
            assert_eq!((said(&first, "vary"), said(&first, "etag")), ("accept-encoding", asset.etag.to_str().unwrap()));
            assert_eq!(said(&first, "cache-control"), "public, max-age=31536000, immutable");
            let (coded, again) = (body(first).await, body(second).await);
            assert_eq!(coded.as_ptr(), again.as_ptr(), "the cached bytes are shared");
            let mut plain = Vec::new();
            match coding {
                "br" => brotli::BrotliDecompress(&mut &*coded, &mut plain).unwrap(),
                "gzip" => drop(flate2::read::GzDecoder::new(&*coded).read_to_end(&mut plain).unwrap()),
                _ => plain.extend_from_slice(&coded),
            }
            assert_eq!(plain, text.as_bytes(), "{takes}");
            assert!(coding.is_empty() || coded.len() < text.len() / 10);
        }
    }

    #[tokio::test]
    async fn file_with_a_matching_etag_is_not_sent_again() {
        let asset = Asset::new("text/css", Caching::Revalidate, "a{}".repeat(1_000));
        let mark = asset.etag.to_str().unwrap().to_owned();
        let known = asked(&[(header::IF_NONE_MATCH, &mark), (header::ACCEPT_ENCODING, "br")]);
        let answer = asset.answer(&known);
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        assert_eq!((said(&answer, "etag"), said(&answer, "vary")), (&*mark, "accept-encoding"));
        assert_eq!(said(&answer, "cache-control"), "no-cache");
        assert!(body(answer).await.is_empty());
        let other = Asset::new("text/css", Caching::Revalidate, "b{}".repeat(1_000));
        assert_eq!(other.answer(&known).status(), StatusCode::OK, "another file has another tag");
    }

    #[test]
    fn pictures_fonts_and_short_texts_are_not_compressed() {
        let takes_all = asked(&[(header::ACCEPT_ENCODING, "br, gzip")]);
        for (kind, bytes) in [("font/woff2", 9_000), ("image/png", 9_000), ("text/css", 1_023)] {
            let answer = Asset::new(kind, Caching::ForAYear, vec![b'a'; bytes]).answer(&takes_all);
            assert!(said(&answer, "content-encoding").is_empty() && said(&answer, "vary").is_empty(), "{kind}");
        }
        for kind in ["image/svg+xml", "application/json", "application/manifest+json", "text/html; charset=utf-8"] {
            let answer = Asset::new(kind, Caching::ForAYear, vec![b'a'; 9_000]).answer(&takes_all);
            assert_eq!(said(&answer, "content-encoding"), "br", "{kind}");
        }
    }
}
