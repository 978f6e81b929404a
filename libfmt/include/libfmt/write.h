/* Writers: announce everything, learn the exact layout, then fill in the contents in any order from any thread. */
#ifndef LIBFMT_WRITE_H
#define LIBFMT_WRITE_H

#include <libfmt/model.h>
#include <libfmt/sink.h>

struct fmt_writer;

enum fmt_out_format { FMT_OUT_GGUF, FMT_OUT_SAFETENSORS, FMT_OUT_TORCH };

/* A writer for one format. Keys and names are copied. GGUF is written as version 3, little endian. */
struct fmt_writer *fmt_writer_create(enum fmt_out_format format, struct fmt_err *err);
void fmt_writer_destroy(struct fmt_writer *w); /* NULL is fine */

/* GGUF: any value, "general.alignment" obeyed if given. safetensors: strings only. PyTorch: none (FMT_UNSUPPORTED). */
bool fmt_writer_kv(struct fmt_writer *w, const struct fmt_kv *kv, struct fmt_err *err);

/* Puts another value in the place of one that was given: a number or truth value of the same type, or an array of as many.
 * After the layout too, which stays: the header is then to be written (again). FMT_USAGE for anything else. */
bool fmt_writer_kv_replace(struct fmt_writer *w, const struct fmt_kv *kv, struct fmt_err *err);

/* Announces a tensor (dims innermost last). *index counts from 0 in the order of the calls.
 * safetensors sorts by type and name as its reference writer does; the index stays the caller's. */
bool fmt_writer_tensor(struct fmt_writer *w, struct fmt_str name, enum fmt_type type, uint32_t n_dims,
                       const uint64_t *dims, uint32_t *index, struct fmt_err *err);

/* Fixes the layout. After it: the exact size of the file, and where tensor `index` lies in it. */
bool fmt_writer_layout(struct fmt_writer *w, uint64_t *file_bytes, struct fmt_err *err);
uint64_t fmt_writer_offset(const struct fmt_writer *w, uint32_t index);
uint64_t fmt_writer_bytes(const struct fmt_writer *w, uint32_t index); /* of tensor `index`, without padding */

/* Writes header, metadata and padding, in short everything that is not tensor contents. */
bool fmt_writer_header(struct fmt_writer *w, struct fmt_sink *s, struct fmt_err *err);

/* Writes n bytes of the contents of tensor `index`, `off` bytes into it. Any thread, once per byte.
 * PyTorch's zip holds a CRC per record: left zero, which its own reader accepts. */
bool fmt_writer_data(const struct fmt_writer *w, struct fmt_sink *s, uint32_t index, uint64_t off, const void *data,
                     size_t n, struct fmt_err *err);

#endif
