/* Hashes of contents: XXH3 with 128 bits, fast enough to be limited by the disk. Against accidents, not attackers. */
#ifndef LIBFMT_DIGEST_H
#define LIBFMT_DIGEST_H

#include <libfmt/model.h>

struct fmt_digest; /* a hash that is being computed */

#define FMT_DIGEST_HEX 33 /* 32 hexadecimal digits and NUL */

struct fmt_digest *fmt_digest_create(void); /* NULL if out of memory */
void fmt_digest_destroy(struct fmt_digest *d); /* NULL is fine */
void fmt_digest_reset(struct fmt_digest *d);
void fmt_digest_add(struct fmt_digest *d, const void *data, size_t n);
/* The hash of all that was added, most significant digit first, as xxh128sum prints it. More may be added after it. */
void fmt_digest_hex(const struct fmt_digest *d, char hex[FMT_DIGEST_HEX]);

/* The hash of a tensor's contents as fmt_tensor_read gives them: contiguous, little endian, so the same for every
 * container, byte order and stride. `d` is reset first. */
bool fmt_digest_tensor(struct fmt_digest *d, const struct fmt_model *m, const struct fmt_tensor *t,
                       char hex[FMT_DIGEST_HEX], struct fmt_err *err);

#endif
