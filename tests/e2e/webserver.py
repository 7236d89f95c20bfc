"""A private nginx for files that validate domains: one server block for each name, on free ports of loopback."""
import os
import shutil
import subprocess
import time

from daemons import own

NGINX = "/usr/sbin/nginx"
CONF = """\
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log {dir}/access.log;
    client_body_temp_path {dir}/tmp;
    proxy_temp_path {dir}/tmp;
    fastcgi_temp_path {dir}/tmp;
    uwsgi_temp_path {dir}/tmp;
    scgi_temp_path {dir}/tmp;
    default_type text/plain;
    server_names_hash_bucket_size 128;
{servers}}}
"""


def make_certificate(directory, names):
    """A self-signed certificate for NAMES; its PEM."""
    key, cert = os.path.join(directory, "tls.key"), os.path.join(directory, "tls.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=private nginx", "-addext",
                    "subjectAltName=" + ",".join(f"DNS:{n}" for n in names)], check=True, capture_output=True)
    with open(cert) as f:
        return f.read()


class Webserver:
    """`blocks`: texts of server blocks; {dir} in them is the server's directory."""

    def __init__(self, directory, http, https):
        self.dir, self.http, self.https, self.proc, self.blocks = directory, http, https, None, []
        os.makedirs(os.path.join(directory, "tmp"), exist_ok=True)
        os.chmod(directory, 0o755)

    def root(self, name):
        """A web root that the agent may write into."""
        path = os.path.join(self.dir, name)
        os.makedirs(path, exist_ok=True)
        own(path, "certagent", mode=0o755)
        return path

    def start(self):
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w") as f:
            f.write(CONF.format(dir=self.dir, servers="".join(self.blocks)))
        log = open(os.path.join(self.dir, "out.log"), "ab")
        self.proc = subprocess.Popen([NGINX, "-c", conf, "-p", self.dir, "-e", os.path.join(self.dir, "error.log")],
                                     stdout=log, stderr=log)
        log.close()
        until = time.monotonic() + 60
        while not os.path.exists(os.path.join(self.dir, "nginx.pid")):
            if self.proc.poll() is not None or time.monotonic() > until:
                raise RuntimeError(open(os.path.join(self.dir, "error.log")).read()[-2000:])
            time.sleep(0.02)

    def requests(self):
        with open(os.path.join(self.dir, "access.log")) as f:
            return f.read()

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.terminate()
            self.proc.wait(60)
        shutil.rmtree(os.path.join(self.dir, "tmp"), ignore_errors=True)
