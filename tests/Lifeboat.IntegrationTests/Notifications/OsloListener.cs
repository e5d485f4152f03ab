// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Testing.Messaging;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Notifications;

/// <summary>A listener of the real oslo.messaging, as ceilometer has one: a process that writes down what it is called
/// with.</summary>
internal sealed class OsloListener : IAsyncDisposable
{
    // Debian's own: the packages of OpenStack are of no other.
    private const string Python = "/usr/bin/python3";

    private const string Script = """
        import json, sys
        from oslo_config import cfg
        import oslo_messaging
        class Endpoint:
            def said(self, called, ctxt, publisher_id, event_type, payload, metadata):
                with open(sys.argv[2], 'a') as out:
                    out.write(json.dumps(dict(called=called, context=ctxt, publisher_id=publisher_id,
                        event_type=event_type, payload=payload, metadata=metadata)) + '\n')
            def info(self, *a): self.said('info', *a)
            def warn(self, *a): self.said('warn', *a)
            def error(self, *a): self.said('error', *a)
        conf = cfg.ConfigOpts()
        conf([], project='listener')
        transport = oslo_messaging.get_notification_transport(conf, url=sys.argv[1])
        conf.set_override('amqp_durable_queues', True, group='oslo_messaging_rabbit')
        server = oslo_messaging.get_notification_listener(transport, [oslo_messaging.Target(topic='notifications')],
            [Endpoint()], executor='threading')
        server.start()
        server.wait()
        """;

    private readonly Process _process;
    private readonly string _heard;

    private OsloListener(Process process, string heard) => (_process, _heard) = (process, heard);

    /// <summary>Why there can be none here; null: there can.</summary>
    public static async Task<string?> MissingAsync(CancellationToken ct) =>
        await HostCommand.RunAsync(Python, ["-c", "import oslo_messaging"], ct) is { ExitCode: not 0 } answer
            ? $"oslo.messaging is not installed (python3-oslo.messaging): {answer.Errors}" : null;

    public static async Task<OsloListener> StartAsync(string directory, RabbitServer rabbit, CancellationToken ct)
    {
        var heard = Path.Combine(directory, "heard");
        await File.WriteAllTextAsync(heard, "", ct);
        var url = $"rabbit://{RabbitServer.User}:{rabbit.Password}@127.0.0.1:{rabbit.Port}/";
        return new OsloListener(Process.Start(Python, ["-c", Script, url, heard]), heard);
    }

    /// <summary>What it was called with, once it is so much.</summary>
    public async Task<string[]> UntilAsync(int count, CancellationToken ct)
    {
        var lines = Array.Empty<string>();
        for (var i = 0; i < 600; i++)
        {
            lines = [.. (await File.ReadAllLinesAsync(_heard, ct)).Where(l => l.EndsWith('}'))];
            if (lines.Length >= count) return lines;
            Assert.False(_process.HasExited, "the listener ended");
            await Task.Delay(200, ct);
        }
        Assert.Fail($"{lines.Length} of {count} notifications came:\n{string.Join('\n', lines)}");
        return lines;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
    }
}
