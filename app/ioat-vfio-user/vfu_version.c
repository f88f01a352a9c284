/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "vfu_ranges.h"
#include "vfu_version.h"
#include "vfu_wire.h"

#define TEXT_MAX 4096u /* of the client's JSON */

/** A capability that is a number, and how much of it this server offers. */
struct number {
	const char *name;
	json_int_t least;
	json_int_t ours;
	bool lowered; /* to what the client proposed, if that is less */
};

/* Without proposals for them the protocol's defaults hold, which are no more than ours. */
static const struct number numbers[] = {
	{"max_msg_fds", 0, VFU_FDS_MAX, false},
	{"max_data_xfer_size", 1, VFU_DATA_MAX, false},
	{"max_dma_maps", 1, VFU_RANGES_MAX, true}, /* only the client maps: no number of its own */
};

/** Answer a number with ours: each side says what it takes. @return -EINVAL: it is none. */
static int
answer_number(const json_t *theirs, const struct number *number, json_t *answer)
{
	json_t *value = json_object_get(theirs, number->name);
	json_int_t say = number->ours;

	if (value == NULL)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < number->least)
		return -EINVAL;
	if (number->lowered && json_integer_value(value) < say)
		say = json_integer_value(value);
	return json_object_set_new(answer, number->name, json_integer(say)) == 0 ? 0 : -ENOMEM;
}

/** Fill @p answer, a subset of what the client proposed. */
static int
answer_capabilities(const json_t *theirs, struct vfu_terms *terms, json_t *answer)
{
	const json_t *value;
	json_int_t bytes;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		rc = answer_number(theirs, &numbers[i], answer);
		if (rc < 0)
			return rc;
	}
	value = json_object_get(theirs, "max_data_xfer_size");
	if (value != NULL) {
		bytes = json_integer_value(value);
		terms->data_max = bytes < VFU_DATA_MAX ? (uint32_t)bytes : VFU_DATA_MAX;
	}
	value = json_object_get(theirs, "pgsizes");
	if (value != NULL && !json_is_integer(value))
		return -EINVAL;
	if (value != NULL &&
	    json_object_set_new(answer, "pgsizes", json_integer(VFU_PAGE_SIZE)) != 0)
		return -ENOMEM;
	value = json_object_get(theirs, "write_multiple");
	if (value != NULL && !json_is_boolean(value))
		return -EINVAL;
	terms->write_multiple = json_is_true(value);
	if (terms->write_multiple &&
	    json_object_set_new(answer, "write_multiple", json_true()) != 0)
		return -ENOMEM;
	return 0;
}

/** Read the client's text. @return 0 and its object, NULL if there is none; -EINVAL. */
static int
parse(const char *text, size_t size, json_t **out)
{
	json_error_t error;

	*out = NULL;
	if (size == 0)
		return 0;
	if (size > TEXT_MAX || text[size - 1] != '\0')
		return -EINVAL;
	*out = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
		return -EINVAL;
	}
	return 0;
}

static int
make_reply(const json_t *answer, const struct vfu_terms *terms, void **reply, size_t *reply_size)
{
	struct vfu_version version = {VFU_MAJOR, terms->minor};
	char *text = json_dumps(answer, JSON_COMPACT);
	size_t len;
	char *body;

	if (text == NULL)
		return -ENOMEM;
	len = strlen(text) + 1;
	body = malloc(sizeof(version) + len);
	if (body != NULL) {
		memcpy(body, &version, sizeof(version));
		memcpy(body + sizeof(version), text, len);
		*reply = body;
		*reply_size = sizeof(version) + len;
	}
	free(text);
	return body != NULL ? 0 : -ENOMEM;
}

int
vfu_version_negotiate(const void *body, size_t size, struct vfu_terms *terms, void **reply,
                      size_t *reply_size)
{
	struct vfu_version theirs;
	json_t *text, *answer, *proposed, *given;
	int rc;

	if (size < sizeof(theirs))
		return -EINVAL;
	memcpy(&theirs, body, sizeof(theirs));
	if (theirs.major != VFU_MAJOR)
		return -EPROTO;
	*terms = (struct vfu_terms){
		.minor = theirs.minor < VFU_MINOR ? theirs.minor : VFU_MINOR,
		.data_max = VFU_DATA_MAX,
	};
	rc = parse((const char *)body + sizeof(theirs), size - sizeof(theirs), &text);
	if (rc < 0)
		return rc;
	given = json_object_get(text, "capabilities");
	answer = json_pack("{s:{}}", "capabilities");
	proposed = json_object_get(answer, "capabilities");
	if (answer == NULL)
		rc = -ENOMEM;
	else if (given != NULL && !json_is_object(given))
		rc = -EINVAL;
	else
		rc = answer_capabilities(given, terms, proposed);
	if (rc == 0)
		rc = make_reply(answer, terms, reply, reply_size);
	json_decref(answer);
	json_decref(text);
	return rc;
}
