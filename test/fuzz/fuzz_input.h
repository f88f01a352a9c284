/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

/**
 * @file
 * What all fuzz targets share: the fuzzer's bytes as a stream, and a check that ends the program.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The fuzzer's bytes; reads as zeroes when it is used up. */
struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

/** End the program, naming what does not hold. */
#define FUZZ_CHECK(cond) fuzz_check((cond), #cond, __FILE__, __LINE__)
void fuzz_check(bool holds, const char *what, const char *file, int line);

/** The next @p bytes (8 at most) as a number. */
uint64_t fuzz_take(struct fuzz_input *in, unsigned int bytes);

/** As many bytes as the next one says, @p most at most. @return how many. */
size_t fuzz_take_bytes(struct fuzz_input *in, void *to, size_t most);

/** The fuzzer's entry, defined by each target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* FUZZ_INPUT_H */
