-- Several messages in one session, an abort, and a close without a word.
conn = mt.connect(socket, 40, 0.25)
if conn == nil then error("no connection") end
if mt.conninfo(conn, "client.test", "2001:db8::1") ~= nil then error("conninfo") end

function message(rcpt, from)
    if mt.mailfrom(conn, "<x@y.test>") ~= nil then error("mailfrom") end
    if mt.rcptto(conn, rcpt) ~= nil then error("rcptto") end
    if mt.data(conn) ~= nil then error("data") end
    if mt.getreply(conn) == SMFIR_ACCEPT then return "data" end
    if mt.header(conn, "From", from) ~= nil then error("header") end
    if mt.eoh(conn) ~= nil then error("eoh") end
    if mt.getreply(conn) == SMFIR_ACCEPT then return "eoh" end
    if mt.bodystring(conn, "text\r\n") ~= nil then error("body") end
    return "body"
end

if message("<admin@example.test>", "x@ca.test") ~= "body" then error("first") end
if mt.abort(conn) ~= nil then error("abort") end
mt.disconnect(conn, false)

conn = mt.connect(socket, 40, 0.25)
if mt.conninfo(conn, "client.test", "2001:db8::1") ~= nil then error("conninfo") end
if message("<admin@example.test>", "x@ca.test") ~= "body" then error("second") end
if mt.eom(conn) ~= nil then error("eom") end
if mt.getreply(conn) ~= SMFIR_ACCEPT then error("eom: expected accept") end
mt.disconnect(conn)
