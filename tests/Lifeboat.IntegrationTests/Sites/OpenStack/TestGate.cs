// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>Our gate between a cloud's Nova and its libvirt, as an operator puts it there.</summary>
internal sealed class TestGate : IAsyncDisposable
{
    private const string Settings = "/etc/nova/nova.conf";
    private readonly Process _process;
    private readonly Func<IEnumerable<string>, Task<string>> _inside;

    private TestGate(Process process, Func<IEnumerable<string>, Task<string>> inside) =>
        (_process, _inside) = (process, inside);

    /// <param name="inside">Runs a command in the cloud's root.</param>
    public static async Task<TestGate> OpenAsync(FieldSite site, string libvirt,
        Func<IEnumerable<string>, Task<string>> inside, CancellationToken ct)
    {
        var socket = Path.Combine(site.Directory, "gate.sock");
        var process = LastingStarter.Start(new ProcessStartInfo("dotnet",
            [site.Command, "-d", site.Directory, "libvirt-gate", "--listen", socket, "--libvirt", libvirt]));
        var gate = new TestGate(process, inside);
        for (var i = 0; !File.Exists(socket); i++)
        {
            Assert.True(i < 100 && !process.HasExited, "the gate does not listen");
            await Task.Delay(TimeSpan.FromMilliseconds(200), ct);
        }
        await gate.PointNovaAsync($"qemu:///system?socket={socket}");
        return gate;
    }

    public async ValueTask DisposeAsync()
    {
        await PointNovaAsync("qemu:///system");
        _process.Kill();
        _process.Dispose();
    }

    private async Task PointNovaAsync(string uri)
    {
        await _inside(["sed", "-i", $"s#^connection_uri = .*#connection_uri = {uri}#", Settings]);
        await _inside(["/opt/testbed/services", "restart", "nova-compute"]);
    }
}
