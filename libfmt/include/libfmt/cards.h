/* Graphics cards by name: how much memory, how fast it is read, how fast they multiply.
 *
 * A small table of what people run models on; any other card is given by its memory. The figures are the makers' own
 * and upper bounds: cards.c names the source of each. */
#ifndef LIBFMT_CARDS_H
#define LIBFMT_CARDS_H

#include <stddef.h>
#include <stdint.h>

struct fmt_card {
	const char *name;      /* "rtx4090": lower case, no spaces */
	const char *title;     /* "NVIDIA GeForce RTX 4090" */
	uint64_t nominal;      /* bytes of memory, as it is sold */
	uint64_t usable;       /* bytes that the driver reports: less what error correction and firmware keep */
	double bandwidth;      /* of that memory, in 10^9 bytes per second */
	double tflops;         /* 10^12 operations per second: dense matrices in FP16, sums in FP32; a multiply-add is two */
};

/* All of them, in the order in which they are shown. */
const struct fmt_card *fmt_card_list(size_t *n);

/* name    n bytes; upper and lower case are the same
 * returns NULL for one that is not in the table */
const struct fmt_card *fmt_card_find(const char *name, size_t n);

#endif
