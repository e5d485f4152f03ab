// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Sites;
using Lifeboat.Qemu.Libvirt;

namespace Lifeboat.Cli.Commands;

internal sealed class InstanceAdoptCommand : LifeboatCommand
{
    private readonly Argument<string> _name = new("instance") { Description = "The name it gets at this site" };
    private readonly Option<string> _qmp = new("--qmp")
    {
        Description = "QMP unix socket of the QEMU, or its domain at a libvirt: qemu:///system#NAME",
        Required = true,
    };

    private readonly Option<string?> _agent = new("--guest-agent")
    {
        Description = "qemu-ga unix socket; of a domain of libvirt it is found",
    };

    private readonly Option<string?> _host = new("--host")
    {
        Description = "Host of this site that it runs on (`agent list`); default: where it was known to run",
    };

    public InstanceAdoptCommand() : base("instance", "adopt", "Take in a running QEMU that this site did not start")
    {
        Add(_name);
        Add(_qmp);
        Add(_agent);
        Add(_host);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var instance = await session.Controller.AdoptAsync(new AdoptRequest(parsed.GetRequiredValue(_name),
            LibvirtAddress.Absolute(parsed.GetRequiredValue(_qmp)),
            parsed.GetValue(_agent) is { } agent ? LibvirtAddress.Absolute(agent) : null,
            parsed.GetValue(_host)), ct);
        session.Output.WriteFacts(instance,
        [
            ("instance", instance.Name), ("host", instance.Host), ("power", Show.Name(instance.Power)),
            ("hardware", $"{instance.Description.Machine}, {instance.Description.Cpus} cpus, "
                + $"{instance.Description.MemoryMiB} MiB"),
            .. instance.Disks.Select(d => ("disk",
                (string?)$"{d.Name}: {Show.Bytes(d.SizeBytes)}, {d.Format} {d.File}")),
            .. instance.Description.Nics.Select(n => ("nic", (string?)$"{n.Mac} on {n.Network}")),
            ("guest agent", instance.Description.GuestAgent ? "yes" : "no: crash-consistent points only"),
        ]);
        return ExitCode.Ok;
    }
}
