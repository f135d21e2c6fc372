/* tool.c - small helpers without state; see tool.h. */
#include "tool.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

static int64_t
clock_ms(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_unix_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t
clock_steady_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

void
uuid_new(char uuid[UUID_SIZE])
{
	unsigned char b[16];

	if (RAND_bytes(b, sizeof(b)) != 1)
		abort();
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(uuid, UUID_SIZE,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
	    b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
	    b[15]);
}

void
sha256_text(const struct bytes *parts, size_t count, char hex[SHA256_TEXT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		abort();
	for (size_t i = 0; i < count; i++) {
		EVP_DigestUpdate(context, parts[i].data, parts[i].length);
		if (i + 1 < count)
			EVP_DigestUpdate(context, "\n", 1);
	}
	if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
		abort();
	EVP_MD_CTX_free(context);
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

const cJSON *
json_at(const cJSON *json, const char *pointer)
{
	char name[128];

	while (json != NULL && *pointer == '/') {
		size_t length = strcspn(++pointer, "/");

		if (length >= sizeof(name) || !cJSON_IsObject(json))
			return NULL;
		memcpy(name, pointer, length);
		name[length] = '\0';
		json = cJSON_GetObjectItemCaseSensitive(json, name);
		pointer += length;
	}
	return json;
}

bool
json_text_at(const cJSON *json, const char *pointer, char *out, size_t size)
{
	const cJSON *found = json_at(json, pointer);
	int length;

	if (cJSON_IsString(found) && found->valuestring[0] != '\0')
		length = snprintf(out, size, "%s", found->valuestring);
	else if (cJSON_IsNumber(found))
		length = snprintf(out, size, "%.0f", found->valuedouble);
	else
		return false;
	return length >= 0 && (size_t)length < size;
}

bool
json_source_of(const char *body, const char *name, char *out, size_t size)
{
	char quoted[128];
	const char *at = body;
	size_t length;

	snprintf(quoted, sizeof(quoted), "\"%s\"", name);
	while ((at = strstr(at, quoted)) != NULL) {
		at += strlen(quoted);
		at += strspn(at, " \t\r\n");
		if (*at != ':')
			continue;
		at++;
		at += strspn(at, " \t\r\n\"");
		length = strcspn(at, " \t\r\n\",}]");
		if (length == 0 || length >= size || strchr("{[", *at) != NULL)
			continue;
		memcpy(out, at, length);
		out[length] = '\0';
		return true;
	}
	return false;
}

int64_t
duration_ms(const char *text)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
	    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	char *end;
	long long number;

	if (!isdigit((unsigned char)text[0]))
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno != 0 || number > 4000000000)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0)
			return (int64_t)number * units[i].ms;
	return -1;
}
