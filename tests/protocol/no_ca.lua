-- A watched recipient, but nobody of a CA in From: the answer comes after the headers.
conn = mt.connect(socket, 40, 0.25)
if conn == nil then error("no connection") end
if mt.conninfo(conn, "client.test", "unspec") ~= nil then error("conninfo") end
if mt.mailfrom(conn, "<>") ~= nil then error("mailfrom") end
if mt.rcptto(conn, "<postmaster>") ~= nil then error("rcptto") end
if mt.data(conn) ~= nil then error("data") end
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("DATA: expected continue") end
if mt.header(conn, "From", "\"x@ca.test\" <eve@evil.test>") ~= nil then error("header") end
if mt.header(conn, "Reply-To", "no-reply@ca.test") ~= nil then error("header") end
if mt.eoh(conn) ~= nil then error("eoh") end
if mt.getreply(conn) ~= SMFIR_ACCEPT then error("end of headers: expected accept") end
mt.disconnect(conn)
