// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Net.Sockets;
using Lifeboat.Agent.LibvirtGate;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class LibvirtGateCommand : LifeboatCommand
{
    private readonly Option<string> _listen = new("--listen")
    {
        Description = "The socket that is made, for clients of libvirt (Nova's connection_uri)",
        HelpName = "PATH",
        Required = true,
    };

    private readonly Option<string> _libvirt = new("--libvirt")
    {
        Description = "libvirt's own socket",
        HelpName = "PATH",
        DefaultValueFactory = _ => "/run/libvirt/libvirt-sock",
    };

    public LibvirtGateCommand() : base(null, "libvirt-gate",
        "Stand between Nova and libvirt: disks are let go of before what QEMU refuses while they are captured")
    {
        Add(_listen);
        Add(_libvirt);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var options = new GateOptions(Path.GetFullPath(parsed.GetRequiredValue(_listen)),
            Path.GetFullPath(parsed.GetRequiredValue(_libvirt)), session.Paths.AgentSocket);
        try
        {
            using var gate = new GateHost(options, session.Time);
            await gate.RunAsync(ct);
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException)
        {
            throw new ProblemException(ReasonCode.InvalidRequest, $"no gate can be at {options.ListenPath}", e.Message);
        }
        return ExitCode.Ok;
    }
}
