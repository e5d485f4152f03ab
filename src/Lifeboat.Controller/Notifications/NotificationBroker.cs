// SPDX-License-Identifier: Apache-2.0
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Contracts.Sites;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Lifeboat.Controller.Notifications;

/// <summary>
/// The broker, by one connection that is made when something is to be published and made anew after whatever went wrong
/// with it. Exchange and queues that are there are used as they are; what is not is made as oslo.messaging makes it, so
/// that nothing is lost before the first consumer comes.
/// </summary>
internal sealed class NotificationBroker(NotificationSettings settings, SitePaths paths, string name) : IAsyncDisposable
{
    private const ushort NotFound = 404;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private readonly HashSet<string> _ready = new(StringComparer.Ordinal);
    private IConnection? _connection;
    private IChannel? _channel;

    /// <summary>Returns once the broker has taken it over into a queue.</summary>
    /// <exception cref="BrokerException">It did not; what is wrong with it is not known to be over.</exception>
    public async Task PublishAsync(Notification notification, CancellationToken ct)
    {
        // Ends with the controller (ct), or when the broker takes too long, which is a failure.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Limit);
        try
        {
            var channel = await OpenAsync(limit.Token);
            foreach (var key in settings.Topics.Select(notification.KeyOf))
            {
                if (!_ready.Contains(key)) channel = await PrepareAsync(key, limit.Token);
                await channel.BasicPublishAsync(settings.Exchange, key, mandatory: true, new BasicProperties
                {
                    ContentType = "application/json",
                    ContentEncoding = "utf-8",
                    DeliveryMode = DeliveryModes.Persistent,
                    MessageId = notification.Id.ToString(),
                }, notification.Body, limit.Token);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e) when (e is RabbitMQClientException or IOException or OperationCanceledException
            or TimeoutException or UnauthorizedAccessException or System.Net.Sockets.SocketException
            or ObjectDisposedException or CryptographicException)
        {
            await CloseAsync();
            throw new BrokerException(Said(e), e);
        }
    }

    public async ValueTask DisposeAsync() => await CloseAsync();

    private async Task<IChannel> OpenAsync(CancellationToken ct)
    {
        if (_channel is { IsOpen: true } open) return open;
        await CloseAsync();
        var (user, virtualHost, hosts, isTls) = settings.Broker();
        var factory = new ConnectionFactory
        {
            UserName = user,
            Password = await PasswordAsync(ct),
            VirtualHost = virtualHost,
            // Made anew here, with all that belongs to it.
            AutomaticRecoveryEnabled = false,
            RequestedConnectionTimeout = Limit / 3,
            HandshakeContinuationTimeout = Limit / 3,
            ContinuationTimeout = Limit,
            ClientProvidedName = name,
        };
        _connection = await factory.CreateConnectionAsync(
            [.. hosts.Select(h => new AmqpTcpEndpoint(h.Host, h.Port, isTls ? Tls(h.Host) : new SslOption()))], name,
            ct);
        return _channel = await ChannelAsync(ct);
    }

    // With confirmations: a publish returns when the broker has it, and throws when no queue wants it.
    private Task<IChannel> ChannelAsync(CancellationToken ct) => _connection!.CreateChannelAsync(
        new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), ct);

    private async Task<IChannel> PrepareAsync(string key, CancellationToken ct)
    {
        await UnlessThereAsync(c => c.ExchangeDeclarePassiveAsync(settings.Exchange, ct),
            c => c.ExchangeDeclareAsync(settings.Exchange, ExchangeType.Topic, settings.Durable, autoDelete: false,
                cancellationToken: ct), ct);
        await UnlessThereAsync(c => c.QueueDeclarePassiveAsync(key, ct),
            c => c.QueueDeclareAsync(key, settings.Durable, exclusive: false, autoDelete: false,
                cancellationToken: ct), ct);
        await _channel!.QueueBindAsync(key, settings.Exchange, key, cancellationToken: ct);
        _ready.Add(key);
        return _channel;
    }

    // A broker closes the channel on which something was asked for that is not there.
    private async Task UnlessThereAsync(Func<IChannel, Task> look, Func<IChannel, Task> make, CancellationToken ct)
    {
        try
        {
            await look(_channel!);
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == NotFound)
        {
            await _channel!.DisposeAsync();
            _channel = await ChannelAsync(ct);
            await make(_channel);
        }
    }

    private async Task<string> PasswordAsync(CancellationToken ct) => settings.PasswordFile is not { } file ? ""
        : (await File.ReadAllTextAsync(Path.Combine(paths.Root, file), ct)).TrimEnd('\r', '\n');

    private SslOption Tls(string host)
    {
        var tls = new SslOption(host, enabled: true);
        if (settings.CaFile is not { } file) return tls;
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(file);
        tls.CertificateValidationCallback = (_, certificate, _, errors) => certificate is not null
            && (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == SslPolicyErrors.None
            && IsOf(authorities, new X509Certificate2(certificate));
        return tls;
    }

    private static bool IsOf(X509Certificate2Collection authorities, X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        return chain.Build(certificate);
    }

    private async Task CloseAsync()
    {
        _ready.Clear();
        var (channel, connection) = (_channel, _connection);
        (_channel, _connection) = (null, null);
        if (channel is not null) await channel.DisposeAsync();
        if (connection is not null) await connection.DisposeAsync();
    }

    private static string Said(Exception e) => e switch
    {
        PublishReturnException returned => $"no queue takes it: {returned.ReplyText}",
        OperationInterruptedException { ShutdownReason.ReplyText: { } text } => text,
        OperationCanceledException => $"it did not answer within {Limit.TotalSeconds:0} s",
        BrokerUnreachableException { InnerException: AggregateException { InnerExceptions: [var first, ..] } } =>
            first.InnerException?.Message ?? first.Message,
        _ => e.InnerException?.Message ?? e.Message,
    };
}

/// <summary>The broker did not take a notification.</summary>
internal sealed class BrokerException(string message, Exception cause) : Exception(message, cause);
