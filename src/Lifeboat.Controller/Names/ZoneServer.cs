// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using ARSoft.Tools.Net;
using ARSoft.Tools.Net.Dns;
using ARSoft.Tools.Net.Dns.DynamicUpdate;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Controller.Names;

/// <summary>The primary server of one zone: signed questions and updates over TCP.</summary>
/// <param name="secret">Of the zone's key.</param>
internal sealed class ZoneServer(DnsZone zone, byte[] secret, TimeProvider time)
{
    private const int AnswerMilliseconds = 5_000;
    private static readonly TimeSpan Fudge = TimeSpan.FromMinutes(5);

    public string Zone { get; } = DnsZone.Normal(zone.Zone);

    /// <summary>The records of a name of these types, as the server has them.</summary>
    /// <exception cref="NameServerException">It does not answer, refuses the key, or has no such zone.</exception>
    public async Task<IReadOnlyList<DnsRecordBase>> FindAsync(string name, IEnumerable<RecordType> types,
        CancellationToken ct)
    {
        var found = new List<DnsRecordBase>();
        foreach (var type in types)
        {
            var question = new DnsMessage { IsRecursionDesired = false };
            question.Questions.Add(new DnsQuestion(DomainName.Parse(name), type, RecordClass.INet));
            var answer = await AskAsync(question, (client, message) => client.SendMessageAsync(message, ct), ct);
            if (answer.ReturnCode is ReturnCode.Refused)
                throw new NameServerException($"{zone.Server} answers no questions about zone {Zone}: it is not its "
                    + $"server, or does not let the key {zone.Key} ask", mayPass: false);
            if (answer.ReturnCode is not (ReturnCode.NoError or ReturnCode.NxDomain)) throw Refused(answer.ReturnCode);
            if (!answer.IsAuthoritiveAnswer)
                throw new NameServerException($"{zone.Server} is not a server of zone {Zone}", mayPass: false);
            found.AddRange(answer.AnswerRecords.Where(r => r.RecordType == type
                && r.Name.Equals(DomainName.Parse(name))));
        }
        return found;
    }

    /// <exception cref="NameServerException">It does not answer or refuses; nothing was changed then, unless the
    /// answer was lost.</exception>
    public async Task UpdateAsync(IEnumerable<UpdateBase> updates, CancellationToken ct)
    {
        var message = new DnsUpdateMessage { ZoneName = DomainName.Parse(Zone) };
        message.Updates.AddRange(updates);
        var answer = await AskAsync(message, (client, signed) => client.SendUpdateAsync(signed, ct), ct);
        if (answer.ReturnCode is not ReturnCode.NoError) throw Refused(answer.ReturnCode);
    }

    private async Task<T> AskAsync<T>(T message, Func<DnsClient, T, Task<T?>> send, CancellationToken ct)
        where T : DnsMessageBase
    {
        message.TSigOptions = new TSigRecord(DomainName.Parse(DnsZone.Normal(zone.Key)),
            zone.Algorithm == DnsZone.Sha512 ? TSigAlgorithm.Sha512 : TSigAlgorithm.Sha256,
            time.GetUtcNow().UtcDateTime, Fudge, 0, ReturnCode.NoError, [], secret);
        var (host, port) = zone.Address()!.Value;
        T? answer;
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(host, ct);
            using var client = new DnsClient(addresses, [new TcpClientTransport(port)], true, AnswerMilliseconds);
            answer = await send(client, message);
        }
        catch (Exception e) when (e is SocketException or IOException or TimeoutException)
        {
            throw new NameServerException($"name server {zone.Server} of zone {Zone} does not answer: {e.Message}",
                mayPass: true, e);
        }
        ct.ThrowIfCancellationRequested();
        if (answer is null)
            throw new NameServerException($"name server {zone.Server} of zone {Zone} does not answer", mayPass: true);
        ThrowUnlessSigned(answer);
        return answer;
    }

    // Whoever answers in the server's place must not be believed; and it says so when it does not know the key.
    private void ThrowUnlessSigned(DnsMessageBase answer)
    {
        var signed = answer.TSigOptions;
        if (signed is { ValidationResult: ReturnCode.NoError, Error: ReturnCode.NoError }) return;
        var why = signed?.Error switch
        {
            ReturnCode.BadKey => $"it does not know a key {zone.Key} with {zone.Algorithm}",
            ReturnCode.BadTime => "its clock and this one are more than five minutes apart",
            null or ReturnCode.NoError => "its answer is not signed with it",
            _ => $"the secret in {zone.SecretFile} is not that of its key {zone.Key}",
        };
        throw new NameServerException($"name server {zone.Server} of zone {Zone} refuses the key {zone.Key}: {why}",
            mayPass: false);
    }

    private NameServerException Refused(ReturnCode code) => new(code switch
    {
        ReturnCode.Refused => $"name server {zone.Server} refuses: the key {zone.Key} may not do that in zone {Zone}",
        ReturnCode.NotAuthoritive => $"{zone.Server} is not the primary server of zone {Zone}",
        ReturnCode.NotZone => $"{zone.Server} says that the name is not in zone {Zone}",
        _ => $"name server {zone.Server} of zone {Zone} answers {code}",
    }, mayPass: code is ReturnCode.ServerFailure);
}

internal sealed class NameServerException(string message, bool mayPass, Exception? cause = null)
    : Exception(message, cause)
{
    /// <summary>Asked again later it may be otherwise.</summary>
    public bool MayPass => mayPass;
}
