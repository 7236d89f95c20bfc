-- Nobody watched, no CA as envelope sender: the answer comes at DATA.
conn = mt.connect(socket, 40, 0.25)
if conn == nil then error("no connection") end
if mt.conninfo(conn, "client.test", "192.0.2.77") ~= nil then error("conninfo") end
if mt.mailfrom(conn, "<x@y.test>") ~= nil then error("mailfrom") end
if mt.rcptto(conn, "<bob@example.test>") ~= nil then error("rcptto") end
if mt.data(conn) ~= nil then error("data") end
if mt.getreply(conn) ~= SMFIR_ACCEPT then error("DATA: expected accept") end
mt.disconnect(conn)
