// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>What goes wrong with requests to a cloud, and with which of them. Without a consequence it only
/// counts.</summary>
/// <param name="Path">A regular expression over path and query, e.g. `/servers$`.</param>
internal sealed record CloudFaultRule(CloudApi Service, HttpMethod Method, string Path)
{
    /// <summary>How many requests it takes; int.MaxValue: all, until it is taken away.</summary>
    public int Times { get; init; } = 1;
    /// <summary>The service does what it was asked for first; else it never hears of it.</summary>
    public bool CarriedOut { get; init; }
    /// <summary>Answered instead of what the service says.</summary>
    public HttpStatusCode? Status { get; init; }
    /// <summary>`Retry-After` of that answer.</summary>
    public TimeSpan? RetryAfter { get; init; }
    /// <summary>No answer: the connection is cut.</summary>
    public bool Cut { get; init; }
    /// <summary>Before it is answered.</summary>
    public TimeSpan Late { get; init; }
    /// <summary>Changes what the service is asked.</summary>
    public Action<JsonNode>? Ask { get; init; }
    /// <summary>Changes what the service answered.</summary>
    public Action<JsonNode>? Answer { get; init; }
    /// <summary>What else happens at that moment, before it is answered.</summary>
    public Func<CloudCall, Task>? Meanwhile { get; init; }

    public bool Takes(CloudCall call) =>
        call.Service == Service && call.Method == Method.Method && Regex.IsMatch(call.Path, Path);

    /// <summary>It is about what the service does or says, so the service has to be asked.</summary>
    public bool Reaches => CarriedOut || Ask is not null || Answer is not null || (Status is null && !Cut);
}

/// <param name="Path">With its query.</param>
internal sealed record CloudCall(CloudApi Service, string Method, string Path, string Token);

/// <summary>A rule that is in force, and how often it has been.</summary>
internal sealed class CloudFaultInForce(CloudFaultRule rule)
{
    private int _taken;

    public CloudFaultRule Rule => rule;
    public int Taken => Math.Min(Volatile.Read(ref _taken), rule.Times);

    /// <summary>True: this request is its own.</summary>
    public bool TryTake(CloudCall call) =>
        Volatile.Read(ref _taken) < rule.Times && rule.Takes(call) && Interlocked.Increment(ref _taken) <= rule.Times;
}
