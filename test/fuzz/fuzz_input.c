/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_input.h"

void
fuzz_check(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

uint64_t
fuzz_take(struct fuzz_input *in, unsigned int bytes)
{
	uint64_t value = 0;

	if (bytes > in->left)
		bytes = (unsigned int)in->left;
	memcpy(&value, in->data, bytes);
	in->data += bytes;
	in->left -= bytes;
	return value;
}

size_t
fuzz_take_bytes(struct fuzz_input *in, void *to, size_t most)
{
	size_t n = fuzz_take(in, 1) % (most + 1);

	if (n > in->left)
		n = in->left;
	memcpy(to, in->data, n);
	in->data += n;
	in->left -= n;
	return n;
}
