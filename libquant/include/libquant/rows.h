/* Rows of any view's tensor as floats. */
#ifndef LIBQUANT_ROWS_H
#define LIBQUANT_ROWS_H

#include <libfmt/view.h>

/* Bytes of scratch that quant_rows needs to read n_rows of t (0: none). */
size_t quant_rows_scratch(const struct fmt_view_tensor *t, uint64_t n_rows);

/* Rows row .. row+n_rows-1 of t as n_rows * cols floats, decoded and with t->op applied. Any thread.
 * scratch: quant_rows_scratch bytes, aligned to 16 */
bool quant_rows(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, float *dst,
                void *scratch, struct fmt_err *err);

#endif
