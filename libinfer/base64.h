/* Base64 (RFC 4648), as tokenizer files hold binary data. */
#ifndef LIBINFER_BASE64_H
#define LIBINFER_BASE64_H

#include "tok_text.h"

/* Adds the decoded bytes to *out. Padding may be absent; anything else that is not of the alphabet is an error. */
bool base64_decode(struct fmt_str text, struct tok_bytes *out, struct fmt_err *err);

#endif
