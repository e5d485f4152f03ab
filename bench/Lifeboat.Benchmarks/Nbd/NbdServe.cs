// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Nbd;

namespace Lifeboat.Benchmarks.Nbd;

/// <summary>Serves one export until standard input ends.</summary>
internal static class NbdServe
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments is not [var kind, var socket, var argument])
            return 2;
        using var file = kind == "file" ? FileExport.Open("", argument, readOnly: false) : null;
        INbdExport export = file ?? (INbdExport)new MemoryExport("", long.Parse(argument));
        var endPoint = new UnixDomainSocketEndPoint(socket);
        await using var server = NbdServer.Listen(endPoint, new NbdExports(export), NbdServerOptions.Default);
        await Console.In.ReadToEndAsync();
        return 0;
    }
}
