/** Which end of the connection this is. The client masks what it sends, the server does not (RFC 6455 §5.1). */
export type Role = 'client' | 'server';
