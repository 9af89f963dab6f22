# shellcheck shell=bash
# Sourced: where the servers' programs are. They are fetched once, from Maven Central and npm, into a directory outside the clone,
# which appears only when it is complete: whatever interrupts a download, the next start begins it anew.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/syncroboard/services
kafka_home=$cache/kafka_$KAFKA_SCALA_VERSION-$KAFKA_VERSION
registry_home=$cache/apicurio-registry-$APICURIO_VERSION
maildev_home=$cache/maildev-$MAILDEV_VERSION

fetch_kafka() { fetch "Apache Kafka $KAFKA_VERSION" "$kafka_home" mvn kafka_jars; }
fetch_registry() { fetch "Apicurio Registry $APICURIO_VERSION" "$registry_home" mvn registry_program; }
fetch_maildev() { fetch "MailDev $MAILDEV_VERSION" "$maildev_home" npm maildev_program; }

# fetch WHAT DIR PROGRAM FUNCTION: the function, which needs the program, is given a directory for its own use and one to
# put it into.
fetch() {
    if [ -d "$2" ]; then return; fi
    has "$3" || fail "$1 has to be fetched, and $3 is not there; this installs it: scripts/setup.sh services"
    mkdir -p "$cache"
    (
        touch "$cache/.lock"
        lock "$cache/.lock"
        if [ -d "$2" ]; then exit 0; fi
        say "fetching $1 into $2"
        rm -rf "$cache"/.partial-*
        partial=$(mktemp -d "$cache/.partial-XXXXXX")
        mkdir "$partial/done"
        "$4" "$partial" "$partial/done" || {
            rm -rf "$partial"
            fail "$1 could not be fetched"
        }
        mv "$partial/done" "$2"
        rm -rf "$partial"
    )
}

# In a local repository of its own: everything that is kept lies in one place.
maven() {
    local partial=$1
    shift
    mvn --batch-mode --quiet --strict-checksums -Dstyle.color=never -Dmaven.repo.local="$partial/repository" "$@" >&2
}
plugin=org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN_VERSION

kafka_jars() {
    cat >"$1/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>syncroboard</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_$KAFKA_SCALA_VERSION</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$KAFKA_LOG4J_VERSION</version></dependency>
  </dependencies>
</project>
END
    maven "$1" -f "$1/pom.xml" "$plugin:copy-dependencies" -DincludeScope=runtime -DoutputDirectory="$2"
}

registry_program() {
    maven "$1" "$plugin:copy" -Dartifact="io.apicurio:apicurio-registry-app:$APICURIO_VERSION:tar.gz:all" \
        -DoutputDirectory="$1" &&
        tar -xzf "$1/apicurio-registry-app-$APICURIO_VERSION-all.tar.gz" -C "$2"
}

maildev_program() {
    npm install --prefix "$2" --cache "$1/npm" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error \
        "maildev@$MAILDEV_VERSION" >&2
}
