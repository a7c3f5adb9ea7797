/** The field for this cache alone (RFC 9213 §2): nobody further down is to read it. */
export const OWN_FIELD = 'respcache-cache-control';
