#include "identities.h"
#include "hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/rsa.h>
#include <mbedtls/x509_crt.h>

/* Primes of RSA keys, made for this by `openssl prime`: 2,048 bits, and 1,024, which are too few. */
static const char *const kPrimes[2][2] = {
	{
		"C673D2024FEAFA280B45F05120537EF9B5AFDED4C3ADDD93D54E07C71079F25CE56CB59A6845AC40CB04B9BAF837E6ACF6B1A829C6E22722"
		"D4CEDF6A5D65180333DB5A3EC3746B6B46193966FA354C5F9F6BA07DCB6D9B314F41EE442741CA4FDFF6817E4D95ED105AA4DAA027D10C01"
		"923E35686A811F74A99C7D8C2D1E4C7F",
		"E694D9069C1A7F9FCC8E120ED10048E529A8EF5E0BCBA034CB7AD8747E04BA0766B3B9D8BA59F345F89A829B29F19AA61E778C8437F6F68D"
		"ACA3B68C3EE0776DDE3130A127E8B609602815B28450014418489A4BCCD596F08DCC0D9FA5464B5055B2BB5D2FA00CA82A53B7A1BF564C66"
		"31002A7D83F9013E17D1B977B51AAC3D",
	},
	{
		"ED2B980D70ACE0A446EBF36BFD3DA34E74B0EDED7ABC8387462BCD286F3CD45F3B00D06ED2984B151F43CE055612748C03D68C5035A7E9C8"
		"2C036BC4E0FC5E3B",
		"E09B9A9CD92609878C2DFDC23580B08CDF2AA3B03BC4DF4BA29D3CCAA15557D4CF7E190B1070D51013EAA2F9FBEEA65C879026FA0AA859E8"
		"1AE9FE9107C8CD5D",
	},
};

/* Whether it may issue others, and how many issuers may come below it. */
enum { kSilent = -2, kNo = -1, kAny = 100 };
/* Purposes, and extensions that are more than the usual. */
enum {
	kServes = 1, kBelongsToClient = 2, kNameConstrained = 4, kCritical = 8, kSha1 = 16, kSigns = 32, kNoKeyId = 64,
	kPolicies = 128, kListsOnly = 256
};

#define VALID "20260101000000", "20280101000000"

typedef struct {
	const char	*name, *subject;
	/* NULL: itself. */
	const char	*issuer;
	/* NULL: one of its own. */
	const char	*key;
	int			authority;
	const char	*hosts;
	unsigned	extensions;
	const char	*from, *to;
} Template;

static const Template kTemplates[] = {
	{"root", "CN=authority", NULL, NULL, kAny, NULL, 0, VALID},
	{"inter", "CN=intermediate", "root", NULL, kAny, NULL, kSigns, VALID},
	{"second", "CN=second", "inter", NULL, kAny, NULL, kServes, VALID},
	{"leaf", "CN=common.test", "root", NULL, kNo, "Broker.test,*.casa.test,@", kServes, VALID},
	{"leaf2", "CN=x", "inter", NULL, kSilent, HOST, 0, VALID},
	{"leaf3", "CN=x", "second", NULL, kNo, HOST, kServes | kBelongsToClient | kPolicies, VALID},
	{"named", "C=DE,O=casa,CN=broker.test", "root", NULL, kSilent, NULL, 0, VALID},
	{"rsa", "CN=x", "root", "rsa", kNo, HOST, kServes, VALID},
	{"rsaroot", "CN=rsa", NULL, "rsa", kAny, NULL, 0, VALID},
	{"belowrsa", "CN=x", "rsaroot", NULL, kNo, HOST, 0, VALID},
	{"p384", "CN=x", "root", NULL, kNo, HOST, 0, VALID},
	{"own", "CN=broker.test", NULL, NULL, kSilent, HOST, 0, VALID},
	{"twin", "CN=intermediate", "root", NULL, kAny, NULL, kNoKeyId, VALID},
	{"twin2", "CN=intermediate", "root", NULL, kAny, NULL, kNoKeyId, VALID},
	{"twin3", "CN=intermediate", "root", NULL, kAny, NULL, kNoKeyId, VALID},
	{"belowtwin", "CN=x", "twin", NULL, kNo, HOST, kNoKeyId, VALID},
	{"evilroot", "CN=authority", NULL, NULL, kAny, NULL, kNoKeyId, VALID},
	{"evil", "CN=x", "evilroot", NULL, kNo, HOST, kNoKeyId, VALID},
	{"expired", "CN=x", "root", NULL, kNo, HOST, 0, "20250101000000", "20260601000000"},
	{"future", "CN=x", "root", NULL, kNo, HOST, 0, "20270601000000", "20280101000000"},
	{"other", "CN=broker.test", "root", NULL, kNo, "other.test,*.test", 0, VALID},
	{"purpose", "CN=x", "root", NULL, kNo, HOST, kBelongsToClient, VALID},
	{"client", "CN=station", "root", NULL, kNo, NULL, kBelongsToClient, VALID},
	{"clientrsa", "CN=station", "root", "rsa", kNo, NULL, kBelongsToClient, VALID},
	{"stranger", "CN=station", "evilroot", NULL, kNo, NULL, kBelongsToClient, VALID},
	{"nobody", "CN=nobody", "root", NULL, kNo, NULL, 0, VALID},
	{"fake", "CN=x", "nobody", NULL, kNo, HOST, 0, VALID},
	{"signer", "CN=signer", "root", NULL, kAny, NULL, kServes | kBelongsToClient, VALID},
	{"inter0", "CN=lowest", "root", NULL, 0, NULL, 0, VALID},
	{"second0", "CN=lower", "inter0", NULL, kAny, NULL, 0, VALID},
	{"deep0", "CN=x", "second0", NULL, kNo, HOST, 0, VALID},
	{"constrained", "CN=constrained", "root", NULL, kAny, NULL, kNameConstrained, VALID},
	{"belowconstrained", "CN=x", "constrained", NULL, kNo, HOST, 0, VALID},
	{"sha1", "CN=x", "root", NULL, kNo, HOST, kSha1, VALID},
	{"weak", "CN=x", "root", "rsa1024", kNo, HOST, 0, VALID},
	{"critical", "CN=x", "root", NULL, kNo, HOST, kCritical, VALID},
	{"policy", "CN=x", "root", NULL, kNo, HOST, kPolicies | kCritical, VALID},
	{"forclients", "CN=for clients", "root", NULL, kAny, NULL, kBelongsToClient, VALID},
	{"misfit", "CN=x", "forclients", NULL, kNo, HOST, 0, VALID},
	{"lister", "CN=lister", "root", NULL, kAny, NULL, kListsOnly, VALID},
	{"belowlister", "CN=x", "lister", NULL, kNo, HOST, 0, VALID},
	{"here", "CN=here", "there", NULL, kAny, NULL, 0, VALID},
	{"there", "CN=there", "here", NULL, kAny, NULL, 0, VALID},
	{"belowhere", "CN=x", "here", NULL, kNo, HOST, 0, VALID},
};
#define TEMPLATES (sizeof(kTemplates) / sizeof(*kTemplates))

const Identity kIdentities[] = {
	{"direct", "leaf", NULL, "root", NULL},
	{"one", "leaf2,inter", NULL, "root", NULL},
	{"two", "leaf3,second,inter", NULL, "root", NULL},
	{"disordered", "leaf3,inter,root,second", NULL, "root", NULL},
	{"named", "named", NULL, "root", NULL},
	{"rsa", "rsa", NULL, "root", NULL},
	{"belowrsa", "belowrsa", NULL, "rsaroot", NULL},
	{"p384", "p384", NULL, "root", NULL},
	{"own", "own", NULL, "own", NULL},
	{"twins", "belowtwin,twin2,twin", NULL, "root", NULL},
	{"evil", "evil,evilroot", NULL, NULL, "certificate: no trusted authority has issued it (tls.ca)"},
	{"behind", "evil,evilroot,root", NULL, NULL, "certificate: has too many issuers"},
	{"expired", "expired", NULL, NULL, "certificate: has expired"},
	{"future", "future", NULL, NULL, "certificate: is not valid yet"},
	{"other", "other", NULL, NULL, "certificate: host name does not match"},
	{"purpose", "purpose", NULL, NULL, "certificate: it, or one of its issuers, is not meant for this"},
	{"fake", "fake,nobody", NULL, NULL, "certificate: one of its issuers is no authority"},
	{"path", "deep0,second0,inter0", NULL, NULL, "certificate: has too many issuers"},
	{"constrained", "belowconstrained,constrained", NULL, NULL,
		"certificate: has a restriction that is not known here"},
	{"sha1", "sha1", NULL, NULL,
		"certificate: it, or one of its issuers, has a key or a signature that is too weak"},
	{"weak", "weak", NULL, NULL,
		"certificate: it, or one of its issuers, has a key or a signature that is too weak"},
	{"critical", "critical", NULL, NULL, "certificate: has a restriction that is not known here"},
	{"policy", "policy", NULL, NULL, "certificate: has a restriction that is not known here"},
	{"misfit", "misfit,forclients", NULL, NULL, "certificate: it, or one of its issuers, is not meant for this"},
	{"lister", "belowlister,lister", NULL, NULL, "certificate: one of its issuers is no authority"},
	{"loop", "belowhere,here,there", NULL, NULL, "certificate: no trusted authority has issued it (tls.ca)"},
	{"gap", "leaf3,inter", NULL, NULL, "certificate: no trusted authority has issued it (tls.ca)"},
	{"many", "belowtwin,twin2,twin3,twin2,twin3,twin", NULL, NULL, "certificate: has too many issuers"},
	/* A chain that is in order, and another's key. */
	{"thief", "leaf", "evil", NULL, "TLS failed (-0x4e00)"},
};
const size_t kIdentityCount = sizeof(kIdentities) / sizeof(*kIdentities);

static Certificate certificates[TEMPLATES];
static mbedtls_pk_context keys[TEMPLATES];
static mbedtls_pk_context rsa[2];

static void must(int result, const char *what)
{
	if (!result)
		return;
	fprintf(stderr, "%s: -0x%04x\n", what, (unsigned)-result);
	exit(3);
}

static const Template *templateOf(const char *name)
{
	size_t i;

	for (i = 0; i < TEMPLATES; i++)
		if (0 == strcmp(kTemplates[i].name, name))
			return kTemplates + i;
	return NULL;
}

mbedtls_pk_context *keyOf(const char *name)
{
	const Template *template = templateOf(name);
	const char *key = template && template->key ? template->key : name;

	if (0 == strcmp(key, "rsa"))
		return rsa;
	if (0 == strcmp(key, "rsa1024"))
		return rsa + 1;
	return template ? keys + (template - kTemplates) : NULL;
}

const Certificate *certificateOf(const char *name)
{
	const Template *template = templateOf(name);

	return template ? certificates + (template - kTemplates) : NULL;
}

const char *certificateName(uint32_t number)
{
	return kTemplates[number % TEMPLATES].name;
}

const Identity *identityOf(const char *name)
{
	size_t i;

	for (i = 0; i < kIdentityCount; i++)
		if (0 == strcmp(kIdentities[i].name, name))
			return kIdentities + i;
	return NULL;
}

static void makeRsa(mbedtls_pk_context *pk, const char *const primes[2])
{
	mbedtls_mpi p, q, e;

	mbedtls_mpi_init(&p);
	mbedtls_mpi_init(&q);
	mbedtls_mpi_init(&e);
	mbedtls_pk_init(pk);
	must(mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)), "RSA");
	must(mbedtls_mpi_read_string(&p, 16, primes[0]), "p");
	must(mbedtls_mpi_read_string(&q, 16, primes[1]), "q");
	must(mbedtls_mpi_lset(&e, 65537), "e");
	must(mbedtls_rsa_import(mbedtls_pk_rsa(*pk), NULL, &p, &q, NULL, &e), "RSA");
	must(mbedtls_rsa_complete(mbedtls_pk_rsa(*pk)), "RSA");
	mbedtls_mpi_free(&p);
	mbedtls_mpi_free(&q);
	mbedtls_mpi_free(&e);
}

static void makeEc(mbedtls_pk_context *pk, mbedtls_ecp_group_id curve)
{
	mbedtls_pk_init(pk);
	must(mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), "EC");
	must(mbedtls_ecp_gen_key(curve, mbedtls_pk_ec(*pk), hooksRandom, NULL), "EC");
}

/* Extensions */

static void extend(mbedtls_x509write_cert *writer, const char *oid, size_t oidLength, bool isCritical, const void *value,
	size_t length)
{
	must(mbedtls_x509write_crt_set_extension(writer, oid, oidLength, isCritical, value, length), "extension");
}

static void addNames(mbedtls_x509write_cert *writer, const char *hosts)
{
	uint8_t der[200] = {0x30, 0};
	size_t length = 2;

	while (*hosts) {
		const size_t count = strcspn(hosts, ",");

		/* @: 192.0.2.7. */
		if ('@' == *hosts) {
			memcpy(der + length, "\x87\x04\xc0\x00\x02\x07", 6);
			length += 6;
		} else {
			der[length++] = 0x82;
			der[length++] = (uint8_t)count;
			memcpy(der + length, hosts, count);
			length += count;
		}
		hosts += count + (',' == hosts[count]);
	}
	der[1] = (uint8_t)(length - 2);
	extend(writer, MBEDTLS_OID_SUBJECT_ALT_NAME, MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), false, der, length);
}

static void addPurposes(mbedtls_x509write_cert *writer, unsigned purposes)
{
	static const uint8_t kOid[] = {0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01};
	uint8_t der[2 + 2 * sizeof(kOid)] = {0x30, 0};
	unsigned purpose;

	for (purpose = kServes; purpose <= kBelongsToClient; purpose++)
		if (purposes & purpose) {
			memcpy(der + 2 + der[1], kOid, sizeof(kOid));
			der[1] += sizeof(kOid);
			der[1 + der[1]] = (uint8_t)purpose;
		}
	extend(writer, MBEDTLS_OID_EXTENDED_KEY_USAGE, MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE), false, der,
		2u + der[1]);
}

static void addExtensions(mbedtls_x509write_cert *writer, const Template *template)
{
	const unsigned extensions = template->extensions;

	if (kSilent != template->authority)
		must(mbedtls_x509write_crt_set_basic_constraints(writer, template->authority >= 0,
			kAny == template->authority ? -1 : template->authority), "basic constraints");
	if (!(extensions & kNoKeyId)) {
		must(mbedtls_x509write_crt_set_subject_key_identifier(writer), "key identifier");
		must(mbedtls_x509write_crt_set_authority_key_identifier(writer), "key identifier");
	}
	if (template->hosts)
		addNames(writer, template->hosts);
	if (extensions & (kServes | kBelongsToClient))
		addPurposes(writer, extensions & (kServes | kBelongsToClient));
	if (extensions & kSigns)
		must(mbedtls_x509write_crt_set_key_usage(writer, MBEDTLS_X509_KU_KEY_CERT_SIGN), "key usage");
	if (extensions & kListsOnly)
		must(mbedtls_x509write_crt_set_key_usage(writer, MBEDTLS_X509_KU_CRL_SIGN), "key usage");
	if (extensions & kNameConstrained)
		extend(writer, "\x55\x1d\x1e", 3, false, "\x30\x0a\xa0\x08\x30\x06\x82\x04" "test", 12);
	if (extensions & kPolicies)
		extend(writer, "\x55\x1d\x20", 3, extensions & kCritical, "\x30\x06\x30\x04\x06\x02\x2a\x03", 8);
	if (kCritical == extensions)
		extend(writer, "\x2a\x03\x04", 3, true, "\x05\x00", 2);
}

static void makeCertificate(const Template *template, Certificate *certificate)
{
	const Template *issuer = template->issuer ? templateOf(template->issuer) : template;
	mbedtls_x509write_cert writer;
	uint8_t room[4096];
	mbedtls_mpi serial;
	int length;

	mbedtls_x509write_crt_init(&writer);
	mbedtls_mpi_init(&serial);
	mbedtls_x509write_crt_set_version(&writer, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&writer, template->extensions & kSha1 ? MBEDTLS_MD_SHA1 : MBEDTLS_MD_SHA256);
	must(mbedtls_mpi_lset(&serial, 1 + (template - kTemplates)), "serial");
	must(mbedtls_x509write_crt_set_serial(&writer, &serial), "serial");
	must(mbedtls_x509write_crt_set_validity(&writer, template->from, template->to), "validity");
	must(mbedtls_x509write_crt_set_subject_name(&writer, template->subject), "subject");
	must(mbedtls_x509write_crt_set_issuer_name(&writer, issuer->subject), "issuer");
	mbedtls_x509write_crt_set_subject_key(&writer, keyOf(template->name));
	mbedtls_x509write_crt_set_issuer_key(&writer, keyOf(issuer->name));
	addExtensions(&writer, template);
	length = mbedtls_x509write_crt_der(&writer, room, sizeof(room), hooksRandom, NULL);
	must(length < 0 ? length : 0, template->name);
	certificate->name = template->name;
	certificate->length = (size_t)length;
	certificate->der = malloc(certificate->length);
	if (!certificate->der)
		abort();
	memcpy(certificate->der, room + sizeof(room) - length, certificate->length);
	mbedtls_mpi_free(&serial);
	mbedtls_x509write_crt_free(&writer);
}

void identitiesMake(void)
{
	size_t i;

	randomStart(&hooks.randoms[kNobody], 1, 1);
	for (i = 0; i < 2; i++)
		makeRsa(rsa + i, kPrimes[i]);
	for (i = 0; i < TEMPLATES; i++)
		makeEc(keys + i, 0 == strcmp("p384", kTemplates[i].name) ? MBEDTLS_ECP_DP_SECP384R1 : MBEDTLS_ECP_DP_SECP256R1);
	for (i = 0; i < TEMPLATES; i++)
		makeCertificate(kTemplates + i, certificates + i);
}

/* PEM */

#define PEM_MAXIMUM (64 * 1024)

char *pemOf(const char *list)
{
	char *pem = calloc(1, PEM_MAXIMUM), name[32];
	size_t length = 0;
	int used;

	if (!pem)
		abort();
	while (1 == sscanf(list, "%31[^,]%n", name, &used)) {
		const Certificate *certificate = certificateOf(name);
		size_t count = 0;

		if (certificate) {
			must(mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", certificate->der,
				certificate->length, (unsigned char *)pem + length, PEM_MAXIMUM - length, &count), "PEM");
			/* With its zero. */
			length += count - 1;
		}
		list += used + (',' == list[used]);
	}
	return pem;
}

char *keyPemOf(const char *name)
{
	mbedtls_pk_context *key = keyOf(name);
	char *pem = calloc(1, PEM_MAXIMUM);

	if (!pem || !key)
		abort();
	must(mbedtls_pk_write_key_pem(key, (unsigned char *)pem, PEM_MAXIMUM), "PEM");
	return pem;
}
