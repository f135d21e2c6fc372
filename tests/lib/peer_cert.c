/*
 * peer_cert.c - certificates for the test server, made anew each time: nothing that could expire in
 * the tree.
 */
#include "lib/peer.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAY_S = 24 * 3600 };

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static void
must(bool fine)
{
	if (!fine)
		abort();
}

static void
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	must(extension != NULL);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

/* By issuer, or by itself when that is NULL. from and to in days from now. */
static struct identity
make(const char *name, const char *alternative, const struct identity *issuer, int from, int to)
{
	static long serial = 1;
	struct identity made = {EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *subject = X509_NAME_new();

	must(made.key && made.certificate && subject);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_version(made.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(made.certificate), (long)from * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(made.certificate), (long)to * DAY_S);
	X509_set_subject_name(made.certificate, subject);
	X509_set_issuer_name(
	    made.certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject);
	X509_set_pubkey(made.certificate, made.key);
	X509 *by = issuer ? issuer->certificate : made.certificate;
	add_extension(made.certificate, by, NID_basic_constraints,
	    alternative ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (alternative)
		add_extension(made.certificate, by, NID_subject_alt_name, alternative);
	must(X509_sign(made.certificate, issuer ? issuer->key : made.key, EVP_sha256()) > 0);
	X509_NAME_free(subject);
	return made;
}

static void
drop(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
}

static void
save(const char *directory, const char *name, X509 *certificate, EVP_PKEY *key)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	must(file != NULL);
	if (certificate)
		must(PEM_write_X509(file, certificate) == 1);
	if (key)
		must(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	must(fclose(file) == 0);
}

struct ssl_ctx_st *
peer_cert_context(enum peer_tls tls, const char *directory)
{
	struct identity authority = make("outboxd test authority", NULL, NULL, -2, 2);
	struct identity client = make("outboxd", "DNS:outboxd.example", &authority, -2, 2);
	struct identity server = make("outboxd test server",
	    tls == PEER_TLS_WRONG_NAME ? "DNS:elsewhere.example,IP:127.0.0.9"
				       : "DNS:localhost,IP:127.0.0.1",
	    tls == PEER_TLS_SELF_SIGNED ? NULL : &authority, -2, tls == PEER_TLS_EXPIRED ? -1 : 1);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	must(context != NULL);
	save(directory, "ca.pem", authority.certificate, NULL);
	save(directory, "client.pem", client.certificate, NULL);
	save(directory, "client.key", NULL, client.key);
	must(SSL_CTX_use_certificate(context, server.certificate) == 1);
	must(SSL_CTX_use_PrivateKey(context, server.key) == 1);
	if (tls == PEER_TLS_1_1) {
		SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
		SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
	}
	if (tls == PEER_TLS_CLIENT) {
		/* TLS 1.2 refuses within the handshake; 1.3 only after the first request. */
		SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
		SSL_CTX_set_verify(
		    context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.certificate);
	}
	drop(&server);
	drop(&client);
	drop(&authority);
	return context;
}
