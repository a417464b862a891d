"""Statistics of a domain with a memory balloon, as libvirt 9.0 reports them."""

from kvmreconcile.host.statistics import DomainStatistics, group_statistics

_STATISTICS = {
    "state.state": 1,
    "state.reason": 1,
    "cpu.time": 587936950,
    "balloon.current": 98304,
    "balloon.maximum": 196608,
    "balloon.swap_in": 4,
    "balloon.swap_out": 8,
    "balloon.major_fault": 240,
    "balloon.minor_fault": 17654,
    "balloon.unused": 40000,
    "balloon.available": 80000,
    "balloon.usable": 60000,
    "balloon.rss": 120976,
    "vcpu.current": 2,
    "vcpu.maximum": 4,
    "net.count": 1,
    "net.0.name": "vnet0",
    "net.0.rx.bytes": 90,
    "net.0.rx.pkts": 1,
    "net.0.rx.errs": 2,
    "net.0.rx.drop": 3,
    "net.0.tx.bytes": 180,
    "net.0.tx.pkts": 4,
    "net.0.tx.errs": 5,
    "net.0.tx.drop": 6,
    "block.count": 1,
    "block.0.name": "vda",
    "block.0.path": "/var/lib/libvirt/images/demo/web1.qcow2",
    "block.0.rd.reqs": 1,
    "block.0.rd.bytes": 512,
    "block.0.rd.times": 75482000,
    "block.0.wr.reqs": 3,
    "block.0.wr.bytes": 4096,
    "block.0.wr.times": 2500000000,
    "block.0.fl.reqs": 2,
    "block.0.fl.times": 1000000000,
    "block.0.capacity": 67108864,
}

WEB1 = group_statistics("web1", _STATISTICS)
SHUT_OFF = DomainStatistics(
    "db1", {"state.state": 5, "balloon.current": 98304, "vcpu.current": 1}, {"vda": {}}, {}
)
