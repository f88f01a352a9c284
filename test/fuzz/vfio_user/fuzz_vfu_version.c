/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Hostile client, its first message: any version and any text. What the server answers is itself
 * a proposal that it would agree to, and comes to the same terms.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../fuzz_input.h"
#include "vfu_version.h"
#include "vfu_wire.h"

#define REPLY_MAX 256u /* a few names and numbers, whatever the client wrote */

static void
check_reply(const void *reply, size_t size, const struct vfu_terms *terms)
{
	const char *text = (const char *)reply + sizeof(struct vfu_version);
	struct vfu_version version;

	FUZZ_CHECK(size > sizeof(version) && size <= REPLY_MAX);
	memcpy(&version, reply, sizeof(version));
	FUZZ_CHECK(version.major == VFU_MAJOR && version.minor == terms->minor);
	FUZZ_CHECK(version.minor <= VFU_MINOR);
	FUZZ_CHECK(strnlen(text, size - sizeof(version)) == size - sizeof(version) - 1);
	FUZZ_CHECK(terms->data_max >= 1 && terms->data_max <= VFU_DATA_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vfu_terms terms = {0}, again = {0};
	void *reply = NULL, *second = NULL;
	size_t reply_size = 0, second_size = 0;
	int rc;

	rc = vfu_version_negotiate(data, size, &terms, &reply, &reply_size);
	if (rc < 0) {
		FUZZ_CHECK(rc == -EINVAL || rc == -EPROTO);
		FUZZ_CHECK(reply == NULL);
		return 0;
	}
	FUZZ_CHECK(rc == 0);
	check_reply(reply, reply_size, &terms);
	FUZZ_CHECK(vfu_version_negotiate(reply, reply_size, &again, &second, &second_size) == 0);
	FUZZ_CHECK(reply_size == second_size && memcmp(reply, second, reply_size) == 0);
	/* The reply names what the server takes, whatever the client does. */
	FUZZ_CHECK(terms.minor == again.minor && again.data_max == VFU_DATA_MAX);
	FUZZ_CHECK(terms.write_multiple == again.write_multiple);
	free(reply);
	free(second);
	return 0;
}
