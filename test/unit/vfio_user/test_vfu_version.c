/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "test.h"
#include "vfu_version.h"
#include "vfu_wire.h"

static struct vfu_terms terms;
static char answer[512];

/** Propose @p text, with its NUL unless @p size says less. @return as vfu_version_negotiate(). */
static int
propose(uint16_t major, uint16_t minor, const char *text, size_t size)
{
	struct vfu_version version = {major, minor};
	char body[8192];
	void *reply = NULL;
	size_t reply_size = 0;
	int rc;

	memcpy(body, &version, sizeof(version));
	if (size != 0)
		memcpy(body + sizeof(version), text, size);
	answer[0] = '\0';
	rc = vfu_version_negotiate(body, sizeof(version) + size, &terms, &reply, &reply_size);
	if (rc == 0) {
		CHECK(reply_size > sizeof(version) && reply_size < sizeof(answer));
		memcpy(&version, reply, sizeof(version));
		CHECK_INT(version.major, ==, 0);
		CHECK_INT(version.minor, ==, terms.minor);
		memcpy(answer, (char *)reply + sizeof(version), reply_size - sizeof(version));
		CHECK_INT(((char *)reply)[reply_size - 1], ==, 0);
		free(reply);
	}
	return rc;
}

static int
propose_text(const char *text)
{
	return propose(0, 1, text, strlen(text) + 1);
}

TEST(without_proposals_the_defaults_of_the_protocol_hold)
{
	CHECK_INT(propose(0, 1, NULL, 0), ==, 0);
	assert_string_equal(answer, "{\"capabilities\":{}}");
	CHECK_INT(terms.data_max, ==, 1048576);
	CHECK(!terms.write_multiple);
}

TEST(minor_version_is_the_smaller_one)
{
	CHECK_INT(propose(0, 0, NULL, 0), ==, 0);
	CHECK_INT(terms.minor, ==, 0);
	CHECK_INT(propose(0, 9, NULL, 0), ==, 0);
	CHECK_INT(terms.minor, ==, VFU_MINOR);
}

TEST(other_major_version_is_refused)
{
	CHECK_INT(propose(1, 0, NULL, 0), ==, -EPROTO);
}

TEST(numbers_are_answered_with_ours_and_the_clients_are_kept_to)
{
	CHECK_INT(propose_text("{\"capabilities\":{\"max_msg_fds\":0,\"max_data_xfer_size\":4096,"
	                       "\"max_dma_maps\":99999999}}"),
	          ==, 0);
	assert_non_null(strstr(answer, "\"max_msg_fds\":1"));
	assert_non_null(strstr(answer, "\"max_data_xfer_size\":1048576"));
	assert_non_null(strstr(answer, "\"max_dma_maps\":4194304"));
	CHECK_INT(terms.data_max, ==, 4096);
}

TEST(fewer_maps_than_there_may_be_are_answered_as_proposed)
{
	CHECK_INT(propose_text("{\"capabilities\":{\"max_dma_maps\":65535}}"), ==, 0);
	assert_string_equal(answer, "{\"capabilities\":{\"max_dma_maps\":65535}}");
}

TEST(only_what_was_proposed_is_answered)
{
	CHECK_INT(propose_text("{\"capabilities\":{\"write_multiple\":true,\"twin_socket\":"
	                       "{\"supported\":true},\"migration\":{\"pgsize\":4096},"
	                       "\"something_new\":[1]}}"),
	          ==, 0);
	assert_string_equal(answer, "{\"capabilities\":{\"write_multiple\":true}}");
	CHECK(terms.write_multiple);
}

TEST(write_multiple_that_is_false_is_not_agreed_on)
{
	CHECK_INT(propose_text("{\"capabilities\":{\"write_multiple\":false}}"), ==, 0);
	CHECK(!terms.write_multiple);
}

TEST(text_that_is_no_object_of_capabilities_is_refused)
{
	CHECK_INT(propose_text(""), ==, -EINVAL);
	CHECK_INT(propose_text("{"), ==, -EINVAL);
	CHECK_INT(propose_text("[]"), ==, -EINVAL);
	CHECK_INT(propose_text("17"), ==, -EINVAL);
	CHECK_INT(propose_text("{\"capabilities\":1}"), ==, -EINVAL);
	CHECK_INT(propose_text("{\"capabilities\":{\"max_msg_fds\":\"8\"}}"), ==, -EINVAL);
	CHECK_INT(propose_text("{\"capabilities\":{\"max_msg_fds\":-1}}"), ==, -EINVAL);
	CHECK_INT(propose_text("{\"capabilities\":{\"max_data_xfer_size\":0}}"), ==, -EINVAL);
	CHECK_INT(propose_text("{\"capabilities\":{\"pgsizes\":null}}"), ==, -EINVAL);
	CHECK_INT(propose_text("{\"capabilities\":{\"write_multiple\":1}}"), ==, -EINVAL);
}

TEST(text_without_its_end_is_refused)
{
	CHECK_INT(propose(0, 1, "{}", 2), ==, -EINVAL);
	CHECK_INT(propose(0, 1, "{}", 3), ==, 0);
}

TEST(text_beyond_the_limit_is_refused)
{
	static char text[5000];

	memset(text, ' ', sizeof(text));
	text[0] = '{';
	text[sizeof(text) - 2] = '}';
	text[sizeof(text) - 1] = '\0';
	CHECK_INT(propose(0, 1, text, sizeof(text)), ==, -EINVAL);
}

TEST(body_without_a_version_is_refused)
{
	void *reply;
	size_t size;

	CHECK_INT(vfu_version_negotiate("", 0, &terms, &reply, &size), ==, -EINVAL);
	CHECK_INT(vfu_version_negotiate("\0\0", 3, &terms, &reply, &size), ==, -EINVAL);
}

TEST_MAIN("vfu_version")
