//! `/api/admin/posters` and `/posters`: poster images of films.

use serde_json::json;

use crate::support::{TestApp, invalid_field};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

#[tokio::test]
async fn poster_is_accepted_only_if_its_content_matches_its_type() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let png = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 100]].concat();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec();
    let upload = |kind: &'static str, bytes: Vec<u8>| async move {
        admin.raw("POST", "/api/admin/posters", &[("content-type", kind)], bytes).await
    };
    for (kind, bytes) in [("image/png", png.clone()), ("image/svg+xml", svg)] {
        let url = upload(kind, bytes.clone()).await.expect(201)["poster_url"].as_str().unwrap().to_owned();
        let picture = app.get(&url).await;
        assert_eq!((picture.status, picture.header("content-type")), (200, kind));
        assert!(picture.header("cache-control").contains("immutable"));
        assert!(picture.header("content-security-policy").contains("sandbox"), "scripts in SVG images do not run");
        let film = json!({"title": "Film", "duration_min": 90, "poster_url": url});
        admin.post("/api/admin/movies", film).await.expect(201);
    }
    assert_eq!(app.get("/posters/tiger-street-blues.svg").await.header("content-type"), "image/svg+xml");
    app.get(&format!("/posters/{NOBODY}")).await.refused(404, "not_found");
    assert_eq!(invalid_field(upload("image/jpeg", png.clone()).await), "body");
    upload("image/gif", png.clone()).await.refused(415, "unsupported_media_type");
    upload("application/json", png.clone()).await.refused(415, "unsupported_media_type");
    let sized = |bytes: usize| [png.as_slice(), &vec![0; bytes - png.len()]].concat();
    upload("image/png", sized(5 * 1024 * 1024)).await.expect(201);
    let refused = upload("image/png", sized(5 * 1024 * 1024 + 1)).await.refused(413, "too_large");
    assert_eq!(refused["bytes_max"], 5 * 1024 * 1024);
    let user = app.sign_in("user").await;
    let kind = [("content-type", "image/png")];
    user.raw("POST", "/api/admin/posters", &kind, sized(5 * 1024 * 1024)).await.refused(403, "forbidden");
    app.stranger().raw("POST", "/api/admin/posters", &kind, png.clone()).await.refused(401, "sign_in_required");
    app.finish().await;
}
