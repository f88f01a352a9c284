/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_VERSION_H
#define VFU_VERSION_H

/**
 * @file
 * Version negotiation: the JSON text in both directions.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What both sides agreed on. */
struct vfu_terms {
	uint16_t minor;
	uint32_t data_max;   /**< bytes that the client takes in one read or write */
	bool write_multiple; /**< REGION_WRITE_MULTI is allowed */
};

/**
 * Judge the body of a VERSION command.
 * @param reply malloc()ed body of the reply, the caller's
 * @return 0; -EPROTO: another major version; -EINVAL: no version, text without its NUL or no
 * JSON, a capability of the wrong type or out of range; -ENOMEM.
 */
int vfu_version_negotiate(const void *body, size_t size, struct vfu_terms *terms, void **reply,
                          size_t *reply_size);

#endif /* VFU_VERSION_H */
