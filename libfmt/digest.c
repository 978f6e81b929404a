/* Digests: the only user of xxHash. */
#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include <libfmt/digest.h>

/* Bytes read at a time: enough for the disk to stream, little enough to stay in the second-level cache. */
#define PIECE_BYTES (UINT64_C(1) << 20)

struct fmt_digest {
	XXH3_state_t *state;
};

struct fmt_digest *fmt_digest_create(void)
{
	struct fmt_digest *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->state = XXH3_createState();
	if (!d->state) {
		free(d);
		return NULL;
	}
	fmt_digest_reset(d);
	return d;
}

void fmt_digest_destroy(struct fmt_digest *d)
{
	if (!d)
		return;
	XXH3_freeState(d->state);
	free(d);
}

void fmt_digest_reset(struct fmt_digest *d)
{
	XXH3_128bits_reset(d->state);
}

void fmt_digest_add(struct fmt_digest *d, const void *data, size_t n)
{
	XXH3_128bits_update(d->state, data, n);
}

void fmt_digest_hex(const struct fmt_digest *d, char hex[FMT_DIGEST_HEX])
{
	XXH128_canonical_t bytes;

	XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(d->state));
	for (size_t i = 0; i < sizeof bytes.digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes.digest[i]);
}

/* Contents that lie in one piece, whatever the rows: a long one need not be read whole, and those of safetensors' types
 * of less than a byte do not end with one. */
static bool add_contiguous(struct fmt_digest *d, const struct fmt_model *m, const struct fmt_tensor *t, struct fmt_err *err)
{
	const uint32_t block_bytes = fmt_type_info(t->type)->block_bytes;
	const uint64_t n_blocks = t->n_bytes / block_bytes, at_once = PIECE_BYTES / block_bytes;
	uint8_t *buf = malloc((size_t)PIECE_BYTES);

	if (!buf)
		return fmt_fail_nomem(err, PIECE_BYTES);
	for (uint64_t at = 0; at < n_blocks && !err->code; at += at_once) {
		struct fmt_tensor piece = fmt_tensor_piece(t, at, n_blocks - at < at_once ? n_blocks - at : at_once);

		if (fmt_tensor_read(m, &piece, 0, 1, buf, err))
			fmt_digest_add(d, buf, (size_t)piece.n_bytes);
	}
	free(buf);
	return !err->code;
}

static bool add_rows(struct fmt_digest *d, const struct fmt_model *m, const struct fmt_tensor *t, struct fmt_err *err)
{
	uint64_t rows = fmt_tensor_rows(t), row_bytes = rows ? t->n_bytes / rows : 0, n;
	uint64_t piece = row_bytes && row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
	uint8_t *buf = malloc((size_t)(piece * row_bytes) + 1);

	if (!buf)
		return fmt_fail_nomem(err, piece * row_bytes);
	for (uint64_t row = 0; row_bytes && row < rows && !err->code; row += n) {
		n = piece < rows - row ? piece : rows - row;
		if (fmt_tensor_read(m, t, row, n, buf, err))
			fmt_digest_add(d, buf, (size_t)(n * row_bytes));
	}
	free(buf);
	return !err->code;
}

bool fmt_digest_tensor(struct fmt_digest *d, const struct fmt_model *m, const struct fmt_tensor *t,
                       char hex[FMT_DIGEST_HEX], struct fmt_err *err)
{
	fmt_digest_reset(d);
	if (!(t->strides ? add_rows(d, m, t, err) : add_contiguous(d, m, t, err)))
		return false;
	fmt_digest_hex(d, hex);
	return true;
}
